// The server is killed again and again during writes: what was acknowledged stays, and the next start is quick.

import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { newDataDirectory, startServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { contradictions, createKnowledge } from './support/knowledge.ts';
import { processorSeconds } from './support/process.ts';
import { rounds } from './support/rounds.ts';
import { readStored } from './support/stored.ts';
import { startWorkload } from './support/workload.ts';

const kills = rounds('REGWAY_CRASH_KILLS', 200);

/** In seconds of processor time, because a busy machine needs more wall time. */
const maxRestartSeconds = 2;
/** In milliseconds of wall time, most of it for a busy machine: a start that waits uses no processor time. */
const maxRestartMs = 10_000;
/** Writes that are acknowledged before each kill. */
const minAcknowledged = 5;
const maxFirstAnswersMs = 20_000;
/** Of the 50 that are tried; the start of a server, when nothing is compiled yet, counts in. */
const minPerProcessorSecond = 20;

const dataDirectory = newDataDirectory();
beforeAll(ensureBuilt);

test(`${kills} times kill -9 during 50 writes a second loses no acknowledged write, and each restart takes under ${maxRestartSeconds} s`, async () => {
  const knowledge = createKnowledge();
  const restartsMs: number[] = [];
  let token: string | undefined;
  let [writingMs, writingSeconds] = [0, 0];
  for (let kill = 0; kill <= kills; kill++) {
    const startedAt = performance.now();
    const server = await startServer({ dataDirectory });
    restartsMs.push(performance.now() - startedAt);
    expect(processorSeconds(server.pid)).toBeLessThan(maxRestartSeconds);
    token ??= server.firstToken();

    const { faults, registries, changes } = await readStored(dataDirectory);
    expect(faults).toEqual([]);
    expect(contradictions(knowledge.possibilities(), registries)).toEqual([]);
    const { acknowledged, inDoubt } = knowledge.counts();
    expect(changes).toBeGreaterThanOrEqual(acknowledged);
    expect(changes).toBeLessThanOrEqual(acknowledged + inDoubt);

    if (kill === kills) {
      await server.stop();
      continue;
    }
    const beganAt = performance.now();
    const workload = startWorkload(server, token, knowledge);
    const [before, usedBefore] = [knowledge.counts().acknowledged, processorSeconds(server.pid)];
    await pause(200 + Math.random() * 400);
    // A busy machine answers nothing in that time, and a kill before all answers would prove little.
    await expect
      .poll(() => knowledge.counts().acknowledged, { timeout: maxFirstAnswersMs, interval: 5 })
      .toBeGreaterThanOrEqual(before + minAcknowledged);
    writingSeconds += processorSeconds(server.pid) - usedBefore;
    await server.kill();
    writingMs += performance.now() - beganAt;
    await workload.stop();
  }
  const { acknowledged, inDoubt } = knowledge.counts();
  const [median, slowest] = [
    restartsMs.toSorted((a, b) => a - b)[restartsMs.length >> 1] ?? 0,
    Math.max(...restartsMs),
  ];
  const rate = Math.round(acknowledged / (writingMs / 1000));
  const perProcessorSecond = Math.round(acknowledged / writingSeconds);
  console.log(
    `${kills} kills: ${acknowledged} acknowledged writes (${rate} a second, ${perProcessorSecond} of the processor's), ${inDoubt} in doubt; restarts ${Math.round(median)} ms (median), ${Math.round(slowest)} ms (slowest)`,
  );
  expect(slowest).toBeLessThan(maxRestartMs);
  expect(acknowledged).toBeGreaterThanOrEqual(kills * minAcknowledged);
  expect(perProcessorSecond).toBeGreaterThan(minPerProcessorSecond);
});
