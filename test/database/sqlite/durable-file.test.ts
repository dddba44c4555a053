// A finished file gets its name whole or not at all.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { moveDurablyToFreeName } from '../../../src/database/sqlite/files.ts';
import { temporaryDirectory } from '../harness.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let from: string;
let to: string;
beforeEach(() => {
  directory = temporaryDirectory();
  [from, to] = [join(directory.path, 'from'), join(directory.path, 'to')];
});
afterEach(() => directory[Symbol.dispose]());

it('a move to a free name leaves the file only under that name', () => {
  writeFileSync(from, 'new');
  moveDurablyToFreeName(from, to);
  expect(readdirSync(directory.path)).toEqual(['to']);
  expect(readFileSync(to, 'utf8')).toBe('new');
});

it('a name that is taken stays what it is', () => {
  writeFileSync(from, 'new');
  writeFileSync(to, 'old');
  expect(() => moveDurablyToFreeName(from, to)).toThrow(/EEXIST/);
  expect([from, to].map((path) => readFileSync(path, 'utf8'))).toEqual(['new', 'old']);
});

it.each([
  ['of a missing file', () => undefined, /ENOENT/],
  // It has no second name either, as no file has on some file systems.
  ['of a directory, which cannot replace a file', () => mkdirSync(from), /ENOTDIR/],
])('a move that fails, %s, leaves the name free for the next', (_, prepare, error) => {
  prepare();
  expect(() => moveDurablyToFreeName(from, to)).toThrow(error);
  expect(existsSync(to)).toBe(false);
});
