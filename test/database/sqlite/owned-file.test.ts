// Files that root creates next to a server of another user belong to that user.

import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { replaceDatabase, stageRestore } from '../../../src/database/sqlite/backup.ts';
import { createOwnedFile } from '../../../src/database/sqlite/files.ts';
import { acquireServerLock } from '../../../src/database/sqlite/server-lock.ts';
import { temporaryDirectory } from '../harness.ts';

/** Root can change the owner of files; any other user already owns them. */
const ownerOf = (path: string, number: number) =>
  process.geteuid?.() === 0 ? { uid: 12_000 + number, gid: 13_000 + number } : statSync(path);

let directory: ReturnType<typeof temporaryDirectory>;
let database: string;
let backup: string;
beforeEach(() => {
  directory = temporaryDirectory();
  mkdirSync(join(directory.path, 'data'));
  [database, backup] = [join(directory.path, 'data', 'regway.db'), join(directory.path, 'backup')];
  writeFileSync(backup, 'the backup', { mode: 0o644 });
});
afterEach(() => directory[Symbol.dispose]());

function give(path: string, number: number) {
  const { uid, gid } = ownerOf(path, number);
  chownSync(path, uid, gid);
  return { uid, gid };
}

function restore(): void {
  acquireServerLock(database).release();
  using staged = stageRestore(backup, database);
  replaceDatabase(database, staged.path, new Date());
}

it('a restoration to an empty directory, and its lock, belong to whom the directory does', () => {
  const owner = give(join(directory.path, 'data'), 1);
  restore();
  for (const path of [database, `${database}.owner`]) expect(statSync(path)).toMatchObject(owner);
  expect(statSync(database).mode & 0o777).toBe(0o600);
  expect(readFileSync(database, 'utf8')).toBe('the backup');
});

it('a restoration belongs to whom the database that it replaces did', () => {
  give(join(directory.path, 'data'), 1);
  writeFileSync(database, 'the old one');
  const owner = give(database, 2);
  restore();
  expect(statSync(database)).toMatchObject(owner);
  expect(readFileSync(database, 'utf8')).toBe('the backup');
});

it('a link in its place is not followed, and its target keeps its owner', () => {
  const precious = join(directory.path, 'precious');
  writeFileSync(precious, 'of root');
  const before = statSync(precious);
  give(join(directory.path, 'data'), 1);
  symlinkSync(precious, `${database}.owner`);
  expect(() => createOwnedFile(`${database}.owner`, join(directory.path, 'data'))).toThrow(/EEXIST/);
  expect(statSync(precious)).toMatchObject({ uid: before.uid, gid: before.gid });
  symlinkSync(join(directory.path, 'missing'), database);
  expect(() => createOwnedFile(database, join(directory.path, 'data'))).toThrow(/EEXIST/);
  expect(lstatSync(database).isSymbolicLink()).toBe(true);
  expect(existsSync(join(directory.path, 'missing'))).toBe(false);
});
