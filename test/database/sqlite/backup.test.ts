// The files after a restore that fails or ends at any point.

import { copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { replaceDatabase } from '../../../src/database/sqlite/backup.ts';
import { temporaryDirectory } from '../harness.ts';

const now = new Date('2026-01-02T03:04:05.678Z');
let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let staged: string;
let aside: string;

/** Creates a database as a killed server leaves it: the last write is only in the log. */
beforeEach(() => {
  directory = temporaryDirectory();
  [path, staged] = [join(directory.path, 'regway.db'), join(directory.path, 'staged.db')];
  aside = `${path}.replaced-2026-01-02T03-04-05-678Z`;
  const live = new Sqlite(join(directory.path, 'live.db'));
  live.exec('PRAGMA journal_mode = WAL; CREATE TABLE thing (name TEXT); PRAGMA wal_checkpoint(TRUNCATE)');
  live.exec(`INSERT INTO thing VALUES ('acknowledged')`);
  for (const suffix of ['', '-wal']) copyFileSync(live.name + suffix, path + suffix);
  live.close();
  const other = new Sqlite(staged);
  other.exec(`CREATE TABLE thing (name TEXT); INSERT INTO thing VALUES ('restored')`);
  other.close();
});
afterEach(() => directory[Symbol.dispose]());

function namesIn(file: string): unknown[] {
  const connection = new Sqlite(file);
  try {
    return connection.prepare('SELECT name FROM thing').pluck().all();
  } finally {
    connection.close();
  }
}

it('a killed server leaves a log', () => {
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
});

it('a database that cannot be put aside keeps every write that was acknowledged', () => {
  writeFileSync(aside, 'a file that has the name already');
  expect(() => replaceDatabase(path, staged, now)).toThrow(/EEXIST/);
  expect(namesIn(path)).toEqual(['acknowledged']);
});

it('what is put aside holds the log in itself, so that an end in the middle loses no write', () => {
  expect(replaceDatabase(path, staged, now)).toBe(aside);
  expect(existsSync(`${aside}-wal`)).toBe(false);
  expect([namesIn(aside), namesIn(path)]).toEqual([['acknowledged'], ['restored']]);
});

it('a damaged database is put aside as it is, log and all', () => {
  writeFileSync(path, 'no database '.repeat(1_000));
  const log = statSync(`${path}-wal`).size;
  expect(replaceDatabase(path, staged, now)).toBe(aside);
  expect(statSync(`${aside}-wal`).size).toBe(log);
  expect(namesIn(path)).toEqual(['restored']);
});
