// The load: so many connections, each with one request at a time, for so long. Every answer is read and checked.
// A loop over undici's Pool, which the product has anyway: autocannon counts whole milliseconds, and half of the responses take less than one.

import { Pool } from 'undici';
import type { Exchange, Operation } from './operations.ts';

export interface LoadTarget {
  readonly url: string;
  readonly token: string;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Load before the measurement, which is in no figure: the programs that ran in between filled the caches of the processor. */
  readonly runInSeconds: number;
}

export interface LoadResult {
  /** Of every request after the run-in. */
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
  /** Requests of the run-in, those that opened the connections too. */
  readonly runInRequests: number;
}

/** A server that takes longer for one answer is broken, and the run ends. */
const answerTimeoutMs = 10_000;

/** Runs the load. @param onRunIn called when the run-in is over. @throws Error at the first answer that is wrong. */
export async function load(
  { url, token }: LoadTarget,
  operation: Operation,
  { connections, seconds, runInSeconds }: LoadOptions,
  onRunIn: () => void,
): Promise<LoadResult> {
  const pool = new Pool(url, {
    connections,
    pipelining: 1,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  });
  const exchange = () => exchangeOnce(pool, token, operation.next());
  const fallAsleep = stayAwake();
  try {
    // libuv accepts one connection in each turn of its loop: the last of many would wait behind many requests of all the others.
    await Promise.all(Array.from({ length: connections }, exchange));
    const runIn = await exchangeFor(runInSeconds, connections, exchange);
    onRunIn();
    const timed = await exchangeFor(seconds, connections, exchange);
    return { ...timed, runInRequests: connections + runIn.latenciesMs.length };
  } finally {
    fallAsleep();
    await pool.destroy();
  }
}

/**
 * Lets the event loop turn without a pause. A client that sleeps is woken by the answer, which the kernel charges to the server that writes
 * it: 15 µs that a server pays only when it is slower than its client. A client on another machine costs none of them that.
 * @returns what ends it.
 */
function stayAwake(): () => void {
  let turn: NodeJS.Immediate;
  const again = (): void => void (turn = setImmediate(again));
  again();
  return () => clearImmediate(turn);
}

async function exchangeFor(
  seconds: number,
  connections: number,
  exchange: () => Promise<number>,
): Promise<Pick<LoadResult, 'latenciesMs' | 'seconds'>> {
  const latenciesMs: number[] = [];
  const started = performance.now();
  const connection = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1000) latenciesMs.push(await exchange());
  };
  await Promise.all(Array.from({ length: connections }, connection));
  return { latenciesMs, seconds: (performance.now() - started) / 1000 };
}

/** Gives the milliseconds from the request to the last byte of its answer. */
async function exchangeOnce(pool: Pool, token: string, { body, fault }: Exchange): Promise<number> {
  const sent = performance.now();
  const { statusCode, body: answer } = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: requestHeaders(token),
    body,
  });
  const text = await answer.text();
  const latencyMs = performance.now() - sent;
  const wrong = statusCode === 200 ? fault(JSON.parse(text)) : `status ${statusCode}`;
  if (wrong !== undefined) throw new Error(`A wrong answer (${wrong}) to ${body}: ${text.slice(0, 500)}`);
  return latencyMs;
}

function requestHeaders(token: string): Record<string, string> {
  return { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` };
}
