// The store's laws on SQLite; test/e2e runs them on its threads and on a PostgreSQL server, test/interop on PGlite.

import { describe } from 'vitest';

import { storeLaws } from './laws/laws.ts';
import { sqliteHarness } from './sqlite-harness.ts';

describe('on SQLite', () => {
  storeLaws(() => sqliteHarness);
});
