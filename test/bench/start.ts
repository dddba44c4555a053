// Measures the time from the start of the bundle to its first responses, and its memory when idle.

import { setTimeout as pause } from 'node:timers/promises';
import { regway, startContender } from './contenders.ts';
import { median } from './statistics.ts';

export interface StartFigures {
  /** From spawning to the first 200 of /livez. */
  readonly liveMs: number;
  /** From spawning to the first GraphQL answer. */
  readonly answerMs: number;
  /** CPU time of all its threads until then: what a busy machine does not stretch. */
  readonly cpuMs: number;
  readonly idleRssMiB: number;
}

const startCount = 5;
/** The garbage of the start is collected by then. */
const idleMs = 1_500;

/** Medians of several starts on the data directory, on any core. */
export async function measureStart(dataDir: string, token: string): Promise<StartFigures> {
  const starts: StartFigures[] = [];
  for (let count = 0; count < startCount; count += 1) starts.push(await startOnce(dataDir, token));
  return {
    liveMs: median(starts.map(({ liveMs }) => liveMs)),
    answerMs: median(starts.map(({ answerMs }) => answerMs)),
    cpuMs: median(starts.map(({ cpuMs }) => cpuMs)),
    idleRssMiB: median(starts.map(({ idleRssMiB }) => idleRssMiB)),
  };
}

async function startOnce(dataDir: string, token: string): Promise<StartFigures> {
  const started = performance.now();
  const server = await startContender(regway, dataDir, undefined);
  try {
    await expectStatus200(await fetch(`${server.url}/livez`));
    const liveMs = performance.now() - started;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    await expectStatus200(
      await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers,
        body: '{"query":"{ registries(first: 1) { nodes { id } } }"}',
      }),
    );
    const answerMs = performance.now() - started;
    const cpuMs = server.cpuMs();
    await pause(idleMs);
    return { liveMs, answerMs, cpuMs, idleRssMiB: server.rssMiB() };
  } finally {
    await server.stop();
  }
}

async function expectStatus200(response: Response): Promise<void> {
  const text = await response.text();
  if (response.status !== 200 || text.includes('"errors"'))
    throw new Error(`The first answer was wrong: ${response.status} ${text}`);
}
