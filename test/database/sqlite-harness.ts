// SQLite under the store's laws: a real file in a temporary directory.

import { join } from 'node:path';

import Sqlite from 'better-sqlite3';

import { createMigratedFile } from '../support/migrated-file.ts';
import { type Harness, migrationsDir, openStarted, type StoreUnderTest, temporaryDirectory } from './harness.ts';

export const sqliteHarness = harnessOf({ owned: false });

/** As the server has it: writes and long reads on threads. */
export const threadedHarness = harnessOf({ owned: true });

function harnessOf({ owned }: { readonly owned: boolean }): Harness {
  return { dialect: 'sqlite', create: () => create(owned) };
}

async function create(owned: boolean): Promise<StoreUnderTest> {
  // In memory, because what survives a power cut is the subject of other suites.
  const directory = temporaryDirectory('memory');
  const url = join(directory.path, 'data', 'regway.db');
  await createMigratedFile(url);
  const store = await openStarted(url, migrationsDir, undefined, owned);
  const behind = new Sqlite(url);
  return {
    store,
    openAgain: (folder, checkKeys) => openStarted(url, folder, checkKeys),
    execute: async (sql) => void behind.exec(sql),
    rows: async (sql) => behind.prepare(sql).all() as Record<string, unknown>[],
    refuseAudit: async () =>
      void behind.exec(
        `CREATE TRIGGER refuse_audit BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'refused'); END`,
      ),
    async close() {
      await store.close();
      behind.close();
      directory[Symbol.dispose]();
    },
  };
}
