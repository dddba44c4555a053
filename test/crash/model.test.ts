// 2,000 random sequences of changes, reads, kills and restarts on SQLite and on PostgreSQL leave what the model says.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/database/store.ts';
import { startPostgres, type PostgresServer } from '../e2e/support/postgres.ts';
import { runSequences, type ModelDatabase, type Tally } from '../model/run.ts';
import { sqliteModelDatabase } from '../model/sqlite.ts';
import { migrationsDir, temporaryDirectory } from '../database/harness.ts';
import { connectSql, type Sql } from '../support/sql.ts';

/** On PostgreSQL a kill and a start need several connections; a busy machine needed over half an hour. */
const timeoutMs = 90 * 60_000;

const sequences = Number(process.env['REGWAY_MODEL_SEQUENCES'] ?? 2_000);
/** Repeats a run: the seed of the sequence that differed. */
const firstSeed = Number(process.env['REGWAY_MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

async function run(database: ModelDatabase): Promise<Tally> {
  const startedAt = performance.now();
  const tally = await runSequences(database, firstSeed, sequences);
  console.log(
    `${sequences} sequences from seed ${firstSeed} in ${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${JSON.stringify(tally)}`,
  );
  return tally;
}

test(`${sequences} sequences from seed ${firstSeed} on SQLite`, { timeout: timeoutMs }, async () => {
  const database = sqliteModelDatabase();
  const { changes, kills, inDoubt } = await run(database);
  expect(Math.min(changes, kills, database.recoveries())).toBeGreaterThan(sequences / 2);
  expect(inDoubt).toBeGreaterThan(0);
  await database.remove();
});

describe('on a PostgreSQL server, which ends all connections at a kill', () => {
  let server: PostgresServer;
  let behind: Sql;
  beforeAll(async () => {
    server = await startPostgres();
    behind = connectSql(server.url);
  });
  afterAll(async () => {
    await behind.end();
    await server.stop();
  });

  test(`${sequences} sequences from seed ${firstSeed}`, { timeout: timeoutMs }, async () => {
    using directory = temporaryDirectory();
    const { changes, kills, inDoubt } = await run({
      directory: directory.path,
      openStore: () => openStore({ url: server.url, migrationsDir }),
      // The server notices a dead process by its connections.
      async dropStore(store) {
        await behind`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regway'`;
        void store.abandon();
      },
      clear: async () => void (await behind`DELETE FROM registry`),
    });
    expect(Math.min(changes, kills)).toBeGreaterThan(sequences / 2);
    expect(inDoubt).toBeGreaterThan(0);
  });
});
