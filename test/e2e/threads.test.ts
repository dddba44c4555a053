// The store's laws on the threads of SQLite. Each store starts two, so only those that meet every kind of call: errors of each class, functions
// as arguments, and bytes.

import { describe } from 'vitest';
import { keyLaws } from '../database/laws/keys.ts';
import { registryLaws } from '../database/laws/registry.ts';
import { threadedHarness } from '../database/sqlite-harness.ts';

describe('registries', () => {
  registryLaws(() => threadedHarness);
});

describe('rotations of keys', () => {
  keyLaws(() => threadedHarness);
});
