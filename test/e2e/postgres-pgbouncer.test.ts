// The store through PgBouncer in transaction mode: its laws, which lean on nothing that a session keeps.

import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgresSnapshot } from '../../src/database/postgres/open.ts';
import { openStarted } from '../database/harness.ts';
import { storeLaws } from '../database/laws/laws.ts';
import { sampleEvent, sampleRegistry, sampleSealed } from '../database/samples.ts';
import { connectSql, type Sql } from '../support/sql.ts';
import { type Pgbouncer, startPgbouncer } from './support/pgbouncer.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { emptyDatabase, postgresHarness } from './support/store.ts';

/** Fewer than the store's pool has, so that its connections share them. */
const poolSize = 4;

let server: PostgresServer;
let pgbouncer: Pgbouncer;
let behind: Sql;
beforeAll(async () => {
  // No law is about a power cut.
  server = await startPostgres(['fsync=off']);
  pgbouncer = await startPgbouncer(server.url, poolSize);
  behind = connectSql(server.url);
});
afterAll(async () => {
  await behind?.end();
  await pgbouncer?.stop();
  await server?.stop();
});

const harness = postgresHarness(
  () => pgbouncer.url,
  () => behind,
);

describe('the laws of the store through PgBouncer', () => {
  storeLaws(() => harness);
});

describe('a store through PgBouncer', () => {
  it('shares the connections of the server, each for one transaction', async () => {
    await emptyDatabase(behind);
    const store = await openStarted(`${pgbouncer.url}?target_session_attrs=read-write`);
    const writes = Array.from({ length: 50 }, (_, number) =>
      store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent()),
    );
    await Promise.all(writes);
    const reads = Array.from({ length: 200 }, (_, number) => store.registries.byId(sampleRegistry(number % 50).id));
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 200 }, (_, number) => sampleRegistry(number % 50)));
    const [used] = await behind`SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'regway'`;
    expect(used?.['count']).toBeLessThanOrEqual(poolSize);
    await store.close();
  });

  it('reads one moment of it', async () => {
    const snapshot = await openPostgresSnapshot(pgbouncer.url);
    const names = () => snapshot.read(async (queries) => (await queries.execute(sql`SELECT name FROM account`)).rows);
    const before = await names();
    await behind`INSERT INTO account (name, created_at) VALUES ('later', 1)`;
    expect(await names()).toEqual(before);
    await snapshot.close();
  });

  it('lets a reader of one moment pause: a command reads archives of any size, and waits for who reads what it prints', async () => {
    const snapshot = await openPostgresSnapshot(pgbouncer.url);
    const limit = sql`SELECT current_setting('idle_in_transaction_session_timeout') AS value`;
    const { rows } = await snapshot.read((queries) => queries.execute(limit));
    expect(rows).toEqual([{ value: '1h' }]);
    await snapshot.close();
  });
});
