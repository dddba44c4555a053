// The store's laws on PGlite: PostgreSQL's dialect without a server.

import { afterAll, beforeAll, describe } from 'vitest';
import { storeLaws } from '../../database/laws/laws.ts';
import { pgliteHarness } from './pglite-harness.ts';

describe('on PGlite', () => {
  let harness: Awaited<ReturnType<typeof pgliteHarness>>;
  beforeAll(async () => {
    harness = await pgliteHarness();
  });
  afterAll(() => harness.end());
  storeLaws(() => harness);
});
