// The store's laws on SQLite and on PGlite; test/e2e runs them on a PostgreSQL server.

import { afterAll, beforeAll, describe } from 'vitest';

import { storeLaws } from './laws/laws.ts';
import { pgliteHarness } from './pglite-harness.ts';
import { sqliteHarness } from './sqlite-harness.ts';

describe('on SQLite', () => {
  storeLaws(() => sqliteHarness);
});

describe('on PGlite', () => {
  let harness: Awaited<ReturnType<typeof pgliteHarness>>;
  beforeAll(async () => {
    harness = await pgliteHarness();
  });
  afterAll(() => harness.end());
  storeLaws(() => harness);
});
