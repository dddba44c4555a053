// Opens connections to a SQLite file: pragmas, WAL mode, and Drizzle on top.

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { Queries } from '../database.ts';
import { StoreError, translateFailure } from '../errors.ts';
import { refuseNetworkFileSystem } from './local-disk.ts';
import { openingFailure } from './opening-failure.ts';
import { acquireServerLock, type ServerLock } from './server-lock.ts';

/** In earlier versions, two connections that write and checkpoint at once can corrupt the file. https://sqlite.org/wal.html#walresetbug */
const oldestSqlite = '3.51.3';

/** Milliseconds. Another process (the command line) holds the lock for milliseconds; no longer than a caller waits. */
export const busyTimeoutMs = 5_000;

/** Milliseconds. Several servers that start at once wait for the one that migrates. */
const migrationTimeoutMs = 60_000;

/**
 * Page cache of the reading connection. The index of 100,000 registries fits, so that a lookup reads one page from the system,
 * that of the row, instead of two.
 */
const readerCacheKiB = 16_384;
/** Page cache of the writer, for the inner nodes of the trees. */
const writerCacheKiB = 4_096;

/** Bytes of the log's file that are kept when the log restarts: four times what SQLite writes between two checkpoints. */
const keptLogBytes = 16 * 1024 * 1024;

/** Milliseconds. The other process needs about 1 ms to enter WAL mode. */
const walRetryDelayMs = 10;

export type Connection = InstanceType<typeof Sqlite>;

/** @throws StoreError for a version below the oldest safe one. */
export function refuseOldSqlite(version: string): void {
  if (version.localeCompare(oldestSqlite, 'en', { numeric: true }) < 0) {
    throw new StoreError(`SQLite ${version} can corrupt a database in WAL mode; ${oldestSqlite} or later is needed.`);
  }
}

interface Connections {
  readonly writer: Connection;
  readonly reader: Connection;
  readonly ownership: ServerLock | undefined;
}

export async function connect(path: string, owned: boolean): Promise<Connections> {
  let ownership: ServerLock | undefined;
  try {
    createPrivately(path);
    ownership = owned ? acquireServerLock(path) : undefined;
    return { writer: await connectWriter(path), reader: connectReader(path), ownership };
  } catch (error) {
    ownership?.release();
    throw translateFailure(error instanceof StoreError ? error : await openingFailure(error, path));
  }
}

/** SQLite creates its `-wal` and `-shm` files with the mode of the database file. */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  refuseNetworkFileSystem(path);
  closeSync(openSync(path, 'a', 0o600));
}

/** Opens a connection that only reads, to a file that exists. */
export function connectReader(path: string): Connection {
  const reader = new Sqlite(path, { readonly: true, timeout: busyTimeoutMs });
  reader.pragma(`cache_size = -${readerCacheKiB}`);
  return reader;
}

/** Opens a connection that writes, to a file that exists: to open it in another way and close it again would end the locks of every connection of this process. */
export async function connectWriter(path: string): Promise<Connection> {
  const writer = new Sqlite(path, { timeout: migrationTimeoutMs });
  refuseOldSqlite(String(writer.prepare('SELECT sqlite_version()').pluck().get()));
  await enterWalMode(writer);
  // In WAL mode the default is NORMAL, which loses acknowledged commits when the power fails.
  writer.pragma('synchronous = FULL');
  writer.pragma('foreign_keys = ON');
  // Deleted bytes are overwritten, so that a deleted secret is gone from the file.
  writer.pragma('secure_delete = ON');
  writer.pragma(`cache_size = -${writerCacheKiB}`);
  writer.pragma(`journal_size_limit = ${keptLogBytes}`);
  return writer;
}

/** Entering the mode on a new file fails immediately, with any timeout, while another process does the same. */
async function enterWalMode(connection: Connection): Promise<void> {
  const deadline = performance.now() + migrationTimeoutMs;
  for (;;) {
    try {
      connection.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError && error.code === 'SQLITE_BUSY') || performance.now() > deadline) {
        throw error;
      }
    }
    await setTimeout(walRetryDelayMs);
  }
}

/** Returns Drizzle on a connection. The one cast of this dialect: its builders accept the same calls, and each is awaited. */
export function queriesOf(connection: Connection): Queries {
  const queries = drizzle(connection);
  const execute = (statement: Parameters<typeof queries.run>[0]) => Promise.resolve(queries.run(statement));
  return Object.assign(queries, { execute }) as unknown as Queries;
}
