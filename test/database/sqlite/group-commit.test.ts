// Shared commits on a real file: each write for itself, none acknowledged before the disk has all.

import { join } from 'node:path';

import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { createGroupCommit, type GroupCommit } from '../../../src/database/sqlite/group-commit.ts';
import { temporaryDirectory } from '../harness.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let connection: InstanceType<typeof Sqlite>;
let other: InstanceType<typeof Sqlite>;
let commits: GroupCommit;
/** Every statement, and every acknowledgement. */
let happened: string[];

beforeEach(() => {
  directory = temporaryDirectory();
  happened = [];
  const file = join(directory.path, 'test.db');
  connection = new Sqlite(file, { verbose: (statement) => happened.push(String(statement)) });
  connection.pragma('journal_mode = WAL');
  connection.exec('CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT');
  other = new Sqlite(file, { readonly: true });
  commits = createGroupCommit(connection);
  happened.length = 0;
});

afterEach(() => {
  connection.close();
  other.close();
  directory[Symbol.dispose]();
});

const insert = (id: number) => async () => {
  connection.exec(`INSERT INTO thing VALUES (${id})`);
  await Promise.resolve();
  return id;
};

async function settle(writes: readonly Promise<unknown>[]): Promise<string[]> {
  const outcomes = writes.map(async (write) =>
    write
      .then(
        (value) => `stored ${String(value)}`,
        (error: Error) => error.message,
      )
      .finally(() => happened.push('told')),
  );
  await commits.run();
  return Promise.all(outcomes);
}

const stored = () => other.prepare('SELECT id FROM thing ORDER BY id').pluck().all();

test('writes that wait together share one commit, in their order, and hear of it afterwards', async () => {
  expect(await settle([1, 2, 3].map((id) => commits.add(insert(id))))).toEqual(['stored 1', 'stored 2', 'stored 3']);
  expect(happened.filter((statement) => /COMMIT|INSERT|told/.test(statement))).toEqual([
    'INSERT INTO thing VALUES (1)',
    'INSERT INTO thing VALUES (2)',
    'INSERT INTO thing VALUES (3)',
    'COMMIT',
    'told',
    'told',
    'told',
  ]);
});

test.each([
  ['code', async () => Promise.reject(new Error('changed meanwhile'))],
  ['the database', async () => insert(1)()],
  ['code after a write', async () => insert(7)().then(() => Promise.reject(new Error('changed meanwhile')))],
])('only a write that is rejected by %s is undone', async (_who, refused) => {
  const outcomes = await settle([commits.add(insert(1)), commits.add(refused), commits.add(insert(3))]);
  expect(outcomes).toEqual(['stored 1', expect.stringMatching(/changed meanwhile|UNIQUE/), 'stored 3']);
  expect(stored()).toEqual([1, 3]);
});

test('if the database undoes all, every caller gets the error, and the next write works', async () => {
  const undo = async () => {
    connection.exec('ROLLBACK');
    throw new Error('disk full');
  };
  expect(await settle([commits.add(insert(1)), commits.add(undo), commits.add(insert(3))])).toEqual([
    'disk full',
    'disk full',
    'disk full',
  ]);
  expect(await settle([commits.add(insert(4))])).toEqual(['stored 4']);
  expect(stored()).toEqual([4]);
});

test('when the commit fails, every one of them fails and nothing is stored', async () => {
  connection.exec('CREATE TABLE part (of INTEGER REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED) STRICT');
  connection.pragma('foreign_keys = ON');
  const broken = async () => void connection.exec('INSERT INTO part VALUES (99)');
  expect(await settle([commits.add(insert(1)), commits.add(broken)])).toEqual([
    expect.stringMatching('FOREIGN KEY'),
    expect.stringMatching('FOREIGN KEY'),
  ]);
  expect([stored(), connection.inTransaction]).toEqual([[], false]);
});

test('if even the rollback fails, every caller gets the error, and later writes work', async () => {
  let reading: IterableIterator<unknown> | undefined;
  const holdsTheConnection = async () => {
    reading = connection.prepare('SELECT 1 UNION SELECT 2').iterate();
    reading.next();
  };
  expect(await settle([commits.add(insert(1)), commits.add(holdsTheConnection)])).toEqual([
    expect.stringMatching('busy'),
    expect.stringMatching('busy'),
  ]);
  reading?.return?.();
  expect(await settle([commits.add(insert(2))])).toEqual([expect.stringMatching('within a transaction')]);
  expect(await settle([commits.add(insert(3))])).toEqual(['stored 3']);
  expect(stored()).toEqual([3]);
});

test('while another process writes, they all wait or all fail', async () => {
  connection.pragma('busy_timeout = 1');
  const locker = new Sqlite(connection.name);
  locker.exec('BEGIN IMMEDIATE');
  expect(await settle([commits.add(insert(1)), commits.add(insert(2))])).toEqual([
    expect.stringMatching('locked'),
    expect.stringMatching('locked'),
  ]);
  locker.exec('ROLLBACK');
  locker.close();
  expect(await settle([commits.add(insert(1))])).toEqual(['stored 1']);
});

test('what arrives in the same turn of the event loop is taken along', async () => {
  const first = commits.add(insert(1));
  const run = commits.run();
  await Promise.resolve();
  const second = commits.add(insert(2));
  await run;
  expect(await Promise.all([first, second])).toEqual([1, 2]);
  expect(happened.filter((statement) => statement === 'COMMIT')).toHaveLength(1);
});
