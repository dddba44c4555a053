// Shared reads on a real file that another connection, as that of another process, writes to.

import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { createSharedReads, type SharedReads } from '../../../src/database/sqlite/shared-reads.ts';
import { temporaryDirectory } from '../harness.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let reader: InstanceType<typeof Sqlite>;
let other: InstanceType<typeof Sqlite>;
let reads: SharedReads;

beforeEach(() => {
  directory = temporaryDirectory();
  const file = join(directory.path, 'test.db');
  other = new Sqlite(file);
  other.pragma('journal_mode = WAL');
  other.exec('CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT');
  reader = new Sqlite(file, { readonly: true });
  reads = createSharedReads(reader);
});

afterEach(() => {
  reader.close();
  other.close();
  directory[Symbol.dispose]();
});

const insert = () => other.exec('INSERT INTO thing DEFAULT VALUES');

function count(): unknown {
  reads.hold();
  return reader.prepare('SELECT count(*) FROM thing').pluck().get();
}

test('without a request every read sees what was committed before it', () => {
  expect(count()).toBe(0);
  const version = reads.version();
  insert();
  expect(count()).toBe(1);
  expect(reads.version()).not.toBe(version);
});

test('what was committed before the first read of a turn is seen by it', () => {
  reads.share();
  insert();
  expect(count()).toBe(1);
});

test('all reads of a turn see one moment, and its version', () => {
  reads.share();
  const version = reads.version();
  insert();
  reads.share();
  expect(count()).toBe(0);
  expect(reads.version()).toBe(version);
});

test('the version of a moment is that of its rows, whichever is read first', () => {
  reads.share();
  expect(count()).toBe(0);
  insert();
  const version = reads.version();
  reads.end();
  expect(reads.version()).not.toBe(version);
});

test('the moment ends with the turn, and the next request reads anew', async () => {
  reads.share();
  expect(count()).toBe(0);
  insert();
  await nextTurn();
  expect(reader.inTransaction).toBe(false);
  expect(count()).toBe(1);
  reads.share();
  insert();
  expect(count()).toBe(2);
});

test('what is read after the connections of a turn were read is never kept for the next turn', async () => {
  reads.share();
  await nextTurn();
  expect(count()).toBe(0);
  expect(reader.inTransaction).toBe(false);
});

test('an end within the turn makes the next read see what was committed, and share no more', () => {
  reads.share();
  expect(count()).toBe(0);
  insert();
  reads.end();
  expect(count()).toBe(1);
  insert();
  expect(count()).toBe(2);
});

test('a checkpoint can empty the log after an end', () => {
  insert();
  reads.share();
  expect(count()).toBe(1);
  reads.end();
  expect(other.pragma('wal_checkpoint(TRUNCATE)')).toMatchObject([{ busy: 0 }]);
});

test('a connection that was closed within the turn is left alone at its end', async () => {
  reads.share();
  expect(count()).toBe(0);
  reader.close();
  await expect(nextTurn()).resolves.toBeUndefined();
});
