// The load: so many connections, each with one request at a time, for so long. Every answer is read and checked.
// A loop over undici's Pool, which the product has anyway: autocannon counts whole milliseconds, and half of our answers take less than one.

import { Pool } from 'undici';
import type { Exchange, Operation } from './operations.ts';

export interface LoadTarget {
  readonly url: string;
  readonly token: string;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** All that were answered, those that opened the connections too. */
  readonly requests: number;
  /** Of all but the first request of each connection. */
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
  /** Share of one core that this process used; near 1 the load, not the server, is the limit. */
  readonly generatorBusy: number;
}

/** A server that takes longer for one answer is broken, and the run ends. */
const answerTimeoutMs = 10_000;

/** Runs the load. @throws Error at the first answer that is wrong. */
export async function load({ url, token }: LoadTarget, operation: Operation, { connections, seconds }: LoadOptions): Promise<LoadResult> {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs });
  const exchange = () => exchangeOnce(pool, token, operation.next());
  try {
    // libuv accepts one connection in each turn of its loop: the last of many would wait behind many requests of all the others.
    await Promise.all(Array.from({ length: connections }, exchange));
    const timed = await exchangeFor(seconds, connections, exchange);
    return { ...timed, requests: connections + timed.latenciesMs.length };
  } finally {
    await pool.destroy();
  }
}

async function exchangeFor(seconds: number, connections: number, exchange: () => Promise<number>): Promise<Omit<LoadResult, 'requests'>> {
  const latenciesMs: number[] = [];
  const started = performance.now();
  const cpu = process.cpuUsage();
  const connection = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1000) latenciesMs.push(await exchange());
  };
  await Promise.all(Array.from({ length: connections }, connection));
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { latenciesMs, seconds: wallMs / 1000, generatorBusy: (user + system) / 1000 / wallMs };
}

/** Gives the milliseconds from the request to the last byte of its answer. */
async function exchangeOnce(pool: Pool, token: string, { body, fault }: Exchange): Promise<number> {
  const sent = performance.now();
  const { statusCode, body: answer } = await pool.request({ path: '/graphql', method: 'POST', headers: requestHeaders(token), body });
  const text = await answer.text();
  const latencyMs = performance.now() - sent;
  const wrong = statusCode === 200 ? fault(JSON.parse(text)) : `status ${statusCode}`;
  if (wrong !== undefined) throw new Error(`A wrong answer (${wrong}) to ${body}: ${text.slice(0, 500)}`);
  return latencyMs;
}

function requestHeaders(token: string): Record<string, string> {
  return { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` };
}
