// Random sequences against the model, few of them; `npm run test:crash` runs 2,000 on each database.

import { afterAll, expect, test } from 'vitest';
import { runSequences } from './run.ts';
import { sqliteModelDatabase } from './sqlite.ts';

const sequences = 20;
/** Others each time; the seed of a sequence that differs is in the message. */
const firstSeed = Math.floor(Math.random() * 2 ** 31);

const database = sqliteModelDatabase();
afterAll(() => database.remove());

test(`${sequences} random sequences on SQLite, from seed ${firstSeed} on, leave what the model says`, async () => {
  const { changes, kills } = await runSequences(database, firstSeed, sequences);
  expect(changes).toBeGreaterThan(sequences);
  expect(kills).toBeGreaterThan(0);
  expect(database.recoveries()).toBeGreaterThan(0);
});
