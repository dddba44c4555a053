// The store's laws on a real PostgreSQL server: what they need of it.

import { type Harness, openStarted, postgresRefuseAudit } from '../../database/harness.ts';
import type { Sql } from '../../support/sql.ts';

/**
 * @param url how the store reaches the database.
 * @param behind reaches the same database directly.
 */
export function postgresHarness(url: () => string, behind: () => Sql): Harness {
  return {
    dialect: 'postgres',
    async create() {
      await emptyDatabase(behind());
      const store = await openStarted(url());
      return {
        store,
        openAgain: (folder, checkKeys) => openStarted(url(), folder, checkKeys),
        execute: async (text) => void (await behind().unsafe(text)),
        rows: async (text) => [...(await behind().unsafe(text))],
        refuseAudit: async () => void (await behind().unsafe(postgresRefuseAudit)),
        close: () => store.close(),
      };
    },
  };
}

/** Removes every table. */
export async function emptyDatabase(behind: Sql): Promise<void> {
  await behind.unsafe('DROP SCHEMA public CASCADE; CREATE SCHEMA public;');
}
