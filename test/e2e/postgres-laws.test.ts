// The laws of the store that hold everywhere, on a real PostgreSQL server, for one store and for two that share the database.

import { afterAll, beforeAll, describe } from 'vitest';
import { type Harness, openStarted } from '../database/harness.ts';
import { storeLaws } from '../database/laws/laws.ts';
import { inTurn } from '../support/in-turn.ts';
import { connectSql, type Sql } from '../support/sql.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { postgresHarness } from './support/store.ts';

let server: PostgresServer;
let behind: Sql;
beforeAll(async () => {
  // No law is about a power cut; postgres.test.ts ends its server the hard way.
  server = await startPostgres(['fsync=off']);
  behind = connectSql(server.url);
});
afterAll(async () => {
  await behind.end();
  await server.stop();
});

const harness = postgresHarness(
  () => server.url,
  () => behind,
);

/** Two stores, as two servers have them: each call goes to the other one than the call before. */
const onTwoReplicas: Harness = {
  ...harness,
  async create() {
    const test = await harness.create();
    const store = inTurn([test.store, await openStarted(server.url)], ['close']);
    return { ...test, store, close: () => store.close() };
  },
};

describe.each([
  ['', harness],
  [' on two replicas', onTwoReplicas],
])('the laws of the store%s', (_, each) => {
  storeLaws(() => each);
});
