// SQLite under the model: one file, whose killed stores stay open, as their locks would until the kernel takes them.

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { openStore, type Store } from '../../src/store/store.ts';
import { migrationsDir, temporaryDirectory } from '../store/harness.ts';
import type { ModelDatabase } from './run.ts';

/** More open files than this are closed, the oldest first. */
const maxDropped = 50;

/** A new database; `remove` ends it. */
export function sqliteModelDatabase(): ModelDatabase & { remove(): Promise<void> } {
  const directory = temporaryDirectory();
  const url = join(directory.path, 'regway.db');
  const dropped: Store[] = [];
  return {
    directory: directory.path,
    openStore: () => openStore({ url, migrationsDir }),
    async dropStore(store) {
      dropped.push(store);
      if (dropped.length > maxDropped) void dropped.shift()?.close();
    },
    async clear() {
      const behind = new Sqlite(url);
      behind.exec('DELETE FROM registry');
      behind.close();
    },
    async remove() {
      await Promise.all(dropped.map((store) => store.close()));
      directory[Symbol.dispose]();
    },
  };
}
