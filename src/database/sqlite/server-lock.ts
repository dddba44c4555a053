// Locks a SQLite file for its one server, by a lock on an empty file next to the database, for as long as the process lives.

import { closeSync, existsSync, openSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { StoreError } from '../errors.ts';
import { createOwnedFile } from './files.ts';

/** A command that migrates, or a server whose process just ends, holds the lock for milliseconds. */
const lockTimeoutMs = 1_000;

export interface ServerLock {
  /** Lets another process serve the file. The kernel does it for a process that ends in any other way. */
  release(): void;
}

/**
 * Makes this process the only one that serves a database file, through any path or link to it.
 * Short writes of other processes, ordered by SQLite's own locks, stay possible.
 * @param path The path of an existing file, or of a new one in an existing directory.
 * @throws StoreError if another process serves it.
 */
export function acquireServerLock(path: string): ServerLock {
  const lockPath = `${existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path))}.owner`;
  makeLock(lockPath, existsSync(path) ? path : dirname(path));
  const lock = new Sqlite(lockPath, { timeout: lockTimeoutMs });
  try {
    // Otherwise SQLite creates an empty journal next to the lock. Nothing is ever written.
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!(error instanceof Sqlite.SqliteError && error.code === 'SQLITE_BUSY')) throw error;
    throw new StoreError(
      `Another process serves the database file ${path} already, and one file has one server. Stop that one first, or give this one a REGWAY_DATA_DIR of its own; several servers share PostgreSQL (REGWAY_DATABASE_URL).`,
    );
  }
  return { release: () => void lock.close() };
}

/** Creates the lock file unless it exists; with this user as the owner if the owner cannot be changed. */
function makeLock(lockPath: string, model: string): void {
  try {
    createOwnedFile(lockPath, model);
  } catch {
    closeSync(openSync(lockPath, 'a', 0o600));
  }
}
