// The disk is full: writes are refused and change nothing, reads go on, and writes come back with the space. Needs root, for a disk of its own.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { operationsOn } from '../e2e/support/operations.ts';
import { startServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { makeDisk, type Disk } from './support/disk.ts';
import { contradictions, createKnowledge } from './support/knowledge.ts';
import { readStored } from './support/stored.ts';
import { createWrites, type Answer } from './support/workload.ts';

const diskBytes = 32 * 1024 * 1024;
/** More than the room that the log has left in blocks that are its own already. */
const maxWritesUntilFull = 5_000;

let disk: Disk;
beforeAll(ensureBuilt);
beforeEach(() => {
  disk = makeDisk(diskBytes);
});
afterEach(() => disk.remove());

test('a full disk refuses every write with STORAGE_UNAVAILABLE, changes nothing, answers reads, and is forgotten once there is space', async () => {
  const dataDirectory = join(disk.path, 'data');
  const server = await startServer({ dataDirectory, settings: { REGWAY_LOG_LEVEL: 'error' } });
  const operations = operationsOn(server);
  const knowledge = createKnowledge();
  const writes = createWrites(operations, knowledge);
  const [first, second] = [await writes.create('first.example'), await writes.create('second.example')];
  const [kept, doomed] = [
    { id: idOf(first), registry: 'first.example' },
    { id: idOf(second), registry: 'second.example' },
  ];

  const ballast = fill(disk.path);
  const refusal = await writeUntilRefused((serial) => writes.create(`filling-${serial}.example`));
  expect(refusal).toEqual({ kind: 'refused', code: 'STORAGE_UNAVAILABLE' });
  const { totalCount } = await operations.list();
  for (let time = 0; time < 10; time++) {
    const answers = [
      await writes.create(`never-${time}.example`),
      await writes.update(kept),
      await writes.delete(doomed),
    ];
    expect(answers).toEqual(Array(3).fill(refusal));
    expect(await operations.get({ id: kept.id })).toMatchObject({ registry: 'first.example' });
    expect((await operations.list()).totalCount).toBe(totalCount);
    expect((await operations.image('first.example/app')).registry).toMatchObject({ id: kept.id });
  }
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);

  rmSync(ballast);
  const done = [await writes.create('late.example'), await writes.update(kept), await writes.delete(doomed)];
  expect(done).toMatchObject([{ kind: 'done' }, { kind: 'done' }, { kind: 'done' }]);
  await server.stop();
  const { faults, registries, changes } = await readStored(dataDirectory);
  expect(faults).toEqual([]);
  expect(contradictions(knowledge.possibilities(), registries)).toEqual([]);
  expect({ changes, inDoubt: knowledge.counts().inDoubt }).toEqual({
    changes: knowledge.counts().acknowledged,
    inDoubt: 0,
  });
});

/** Writes a file until the disk is full. Returns its path. */
function fill(folder: string): string {
  const path = join(folder, 'ballast');
  const file = openSync(path, 'w');
  for (const size of [1024 * 1024, 4096, 512]) {
    const piece = Buffer.alloc(size, 1);
    while (isWritten(file, piece));
  }
  closeSync(file);
  return path;
}

function isWritten(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

async function writeUntilRefused(write: (serial: number) => Promise<Answer>): Promise<Answer> {
  for (let serial = 0; serial < maxWritesUntilFull; serial++) {
    const answer = await write(serial);
    if (answer.kind !== 'done') return answer;
  }
  throw new Error('The disk never became full.');
}

function idOf(answer: Answer): string {
  if (answer.kind !== 'done') throw new Error(`The first writes were not answered: ${JSON.stringify(answer)}`);
  return answer.id;
}
