// The power goes during writes: the disk keeps what was synced and nothing else. Needs root, for disks of its own.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startServer, type RegwayServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { makeDisk, type Disk } from './support/disk.ts';
import { contradictions, createKnowledge, type Knowledge } from './support/knowledge.ts';
import { freeze } from './support/process.ts';
import { rounds } from './support/rounds.ts';
import { readStored } from './support/stored.ts';
import { startWorkload } from './support/workload.ts';

const cuts = rounds('REGWAY_CRASH_CUTS', 50);
/** One would do; a writer whose log was just synced at a checkpoint loses nothing at that moment. */
const careless = 10;
const diskBytes = 64 * 1024 * 1024;

/** Milliseconds in which responses arrive that left the server before it was stopped. They count as acknowledged. */
const answersArriveMs = 50;

let disk: Disk;
beforeAll(ensureBuilt);
beforeEach(() => {
  disk = makeDisk(diskBytes);
});
afterEach(() => disk.remove());

test(`${cuts} power cuts lose no acknowledged write`, async () => {
  const { lost, faults, acknowledged } = await cutPower(cuts, {});
  console.log(`${cuts} power cuts: ${acknowledged} acknowledged writes, ${lost.length} lost`);
  expect(faults).toEqual([]);
  expect(lost).toEqual([]);
  expect(acknowledged).toBeGreaterThan(cuts);
});

test('the same cuts lose writes if SQLite does not sync each of them, so these tests notice lost writes', async () => {
  const preload = join(import.meta.dirname, 'support/synchronous-normal.mjs');
  const { lost } = await cutPower(careless, { NODE_OPTIONS: `--import=${preload}` });
  console.log(`${careless} power cuts with synchronous=NORMAL: ${lost.length} acknowledged writes lost`);
  expect(lost).not.toEqual([]);
});

async function cutPower(count: number, settings: Record<string, string>) {
  const dataDirectory = join(disk.path, 'data');
  // The tables are on the disk before the first cut: a log that is not synced would lose even those.
  const first = await startServer({ dataDirectory });
  await first.stop();

  const knowledge = createKnowledge();
  const server = await startServer({ dataDirectory, settings });
  const workload = startWorkload(server, first.firstToken(), knowledge);
  const findings = [];
  try {
    for (let cut = 0; cut < count; cut++) {
      await pause(100 + Math.random() * 400);
      findings.push(await inspectCut(server, knowledge));
    }
  } finally {
    await workload.stop();
    await server.stop();
  }
  return {
    lost: findings.flatMap(({ lost }) => lost),
    faults: findings.flatMap(({ faults }) => faults),
    acknowledged: knowledge.counts().acknowledged,
  };
}

/** Returns what a start after a power cut at this moment would find. The server itself continues. */
async function inspectCut(
  server: RegwayServer,
  knowledge: Knowledge,
): Promise<{ lost: string[]; faults: readonly string[] }> {
  await freeze(server.pid);
  await pause(answersArriveMs);
  const possibilities = knowledge.possibilities();
  const remains = disk.cutPower();
  process.kill(server.pid, 'SIGCONT');
  try {
    const { faults, registries } = await readStored(join(remains.path, 'data'));
    return { faults, lost: contradictions(possibilities, registries) };
  } finally {
    remains.remove();
  }
}
