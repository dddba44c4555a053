// The store's laws on SQLite; test/e2e runs them on a PostgreSQL server, test/interop on PGlite.

import { describe } from 'vitest';

import { keyLaws } from './laws/keys.ts';
import { storeLaws } from './laws/laws.ts';
import { registryLaws } from './laws/registry.ts';
import { sqliteHarness, threadedHarness } from './sqlite-harness.ts';

describe('on SQLite', () => {
  storeLaws(() => sqliteHarness);
});

describe('on SQLite on threads', () => {
  // Each store starts two threads. These laws meet every kind of call: errors of each class, functions as arguments, and bytes.
  describe('registries', () => {
    registryLaws(() => threadedHarness);
  });
  describe('rotations of keys', () => {
    keyLaws(() => threadedHarness);
  });
});
