// PGlite under the store's laws: PostgreSQL itself, compiled to WebAssembly, in this process.

import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { drizzle } from 'drizzle-orm/pglite';

import type { Queries } from '../../../src/database/database.ts';
import { postgresDatabase } from '../../../src/database/postgres/open.ts';
import { storeOn } from '../../../src/database/store.ts';
import {
  type Harness,
  migrationsDir,
  postgresRefuseAudit,
  started,
  type StoreUnderTest,
} from '../../database/harness.ts';

/** One PGlite for all tests, emptied for each, because its start needs seconds. */
export async function pgliteHarness(): Promise<Harness & { end(): Promise<void> }> {
  const pglite = await PGlite.create();
  const openAgain: StoreUnderTest['openAgain'] = async (folder, checkKeys) =>
    started(
      await storeOn(
        postgresDatabase(runnerOn(drizzle(pglite)), async () => undefined),
        join(folder, 'postgres'),
        { checkKeys },
      ),
    );
  return {
    dialect: 'postgres',
    async create() {
      await pglite.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public;');
      const store = await openAgain(migrationsDir);
      return {
        store,
        openAgain,
        execute: async (sql) => void (await pglite.exec(sql)),
        rows: async (sql) => (await pglite.query<Record<string, unknown>>(sql)).rows,
        refuseAudit: async () => void (await pglite.exec(postgresRefuseAudit)),
        close: () => store.close(),
      };
    },
    end: () => pglite.close(),
  };
}

function runnerOn(queries: ReturnType<typeof drizzle>): Parameters<typeof postgresDatabase>[0] {
  return {
    read: (work) => work(queries as unknown as Queries),
    transaction: (work) => queries.transaction((transaction) => work(transaction as unknown as Queries)),
  };
}
