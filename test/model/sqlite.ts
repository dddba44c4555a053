// SQLite under the model: a kill leaves the database and its log as they are at that moment, and the next store opens a copy of these.

import { copyFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { openStore, type Store } from '../../src/database/store.ts';
import { migrationsDir, temporaryDirectory } from '../database/harness.ts';
import type { ModelDatabase } from './run.ts';

/** Number of killed stores that stay open, because their work continues and cannot be stopped within one process. */
const maxDropped = 20;

export interface SqliteModelDatabase extends ModelDatabase {
  /** Kills so far that left a log, so that the next store had to recover from it. */
  recoveries(): number;
  remove(): Promise<void>;
}

/** A new database; `remove` ends it. */
export function sqliteModelDatabase(): SqliteModelDatabase {
  const directory = temporaryDirectory();
  const dropped: { store: Store; path: string }[] = [];
  let [copies, recoveries] = [0, 0];
  const closeOldest = async (): Promise<void> => {
    const oldest = dropped.shift();
    await oldest?.store.close();
    if (oldest !== undefined) rmSync(oldest.path);
  };
  const url = () => join(directory.path, `regway-${copies}.db`);
  return {
    directory: directory.path,
    openStore: () => openStore({ url: url(), migrationsDir }),
    async dropStore(store) {
      const left = url();
      copies += 1;
      // Without the index of the log, which the first open after a kill creates again.
      for (const suffix of ['', '-wal']) copyFileSync(left + suffix, url() + suffix);
      if (statSync(`${url()}-wal`).size > 0) recoveries += 1;
      // Its remaining work is on files that are never opened again.
      dropped.push({ store, path: left });
      if (dropped.length > maxDropped) await closeOldest();
    },
    async clear() {
      const behind = new Sqlite(url());
      behind.exec('DELETE FROM registry');
      behind.close();
    },
    recoveries: () => recoveries,
    async remove() {
      while (dropped.length > 0) await closeOldest();
      directory[Symbol.dispose]();
    },
  };
}
