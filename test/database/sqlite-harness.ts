// SQLite under the store's laws: a real file in a temporary directory.

import { join } from 'node:path';

import Sqlite from 'better-sqlite3';

import { type Harness, openStarted, temporaryDirectory } from './harness.ts';

export const sqliteHarness: Harness = {
  dialect: 'sqlite',
  async create() {
    const directory = temporaryDirectory();
    const url = join(directory.path, 'data', 'regway.db');
    const store = await openStarted(url);
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
  },
};
