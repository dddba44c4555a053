// Opens the embedded database to read it whole: a read-only connection, inside one transaction where all must be of one moment.

import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { localNotifications, type SnapshotDatabase } from '../database.ts';
import { StoreError, translated, translateFailure } from '../errors.ts';
import { queriesOf } from './connection.ts';
import { dialect } from './open.ts';

/** Only a checkpoint of the last process to leave keeps a reader waiting, for milliseconds. */
const busyTimeoutMs = 5_000;

/** Complaints beyond the first few repeat themselves. */
const maxViolations = 10;

/**
 * @param options.isOneMoment whether all reads are of the moment of this call; else each is of its own.
 * @throws StoreError when there is no database at `path`.
 */
export function openSqliteSnapshot(path: string, { isOneMoment }: { readonly isOneMoment: boolean }): SnapshotDatabase {
  const connection = openToRead(path);
  if (isOneMoment) connection.exec('BEGIN');
  // The moment is that of the first read, not of BEGIN.
  readSchema(connection);
  const refuseWrite = () => Promise.reject(new Error('A snapshot is only read.'));
  const queries = queriesOf(connection);
  const close = async () => void connection.close();
  return {
    ...dialect,
    notifications: localNotifications(),
    read: (work) => translated(() => work(queries)),
    write: refuseWrite,
    migrate: refuseWrite,
    findViolations: () => translated(async () => findViolations(connection)),
    close,
    abandon: close,
  };
}

/**
 * Opens an existing database file, read-only.
 * @throws StoreError if it does not exist, or is no database.
 */
export function openToRead(path: string): InstanceType<typeof Sqlite> {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0)
    throw new StoreError(`There is no database at ${path}.`);
  const connection = new Sqlite(path, { readonly: true, timeout: busyTimeoutMs });
  try {
    readSchema(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw isDamage(error)
      ? new StoreError(`The file ${path} is not a sound database (${error.code}).`)
      : translateFailure(error);
  }
}

function readSchema(connection: InstanceType<typeof Sqlite>): void {
  connection.prepare('SELECT count(*) FROM sqlite_schema').get();
}

/** Returns the violations that SQLite finds in the pages, the indexes, and the references of the file. */
export function findViolations(connection: InstanceType<typeof Sqlite>): string[] {
  try {
    const pages = connection.pragma(`integrity_check(${maxViolations})`) as { integrity_check: string }[];
    const violations = pages.map((row) => row.integrity_check).filter((violation) => violation !== 'ok');
    return violations.length > 0 ? violations : brokenReferences(connection);
  } catch (error) {
    if (isDamage(error)) return [`SQLite cannot read it (${error.code})`];
    throw error;
  }
}

/** Whether SQLite found a file damaged, or no database at all. */
export function isDamage(error: unknown): error is InstanceType<typeof Sqlite.SqliteError> {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(NOTADB|CORRUPT)/.test(error.code);
}

function brokenReferences(connection: InstanceType<typeof Sqlite>): string[] {
  const rows = connection.pragma('foreign_key_check') as { table: string }[];
  return rows.slice(0, maxViolations).map(({ table }) => `a row of ${table} refers to a row that does not exist`);
}
