// Opens the embedded database: one SQLite file with one queued writer connection and one that only reads.
// Two connections because an `await` inside a transaction would let another request's statements fall into it.

import type Sqlite from 'better-sqlite3';
import { sql } from 'drizzle-orm';
import { type Database, type Dialect, localNotifications, type Migration, type MigrationResult } from '../database.ts';
import { StoreError, translated, translateFailure } from '../errors.ts';
import * as tables from '../schema/tables.sqlite.ts';
import { busyTimeoutMs, connect, type Connection, connectReader, connectWriter, queriesOf } from './connection.ts';
import { createGroupCommit } from './group-commit.ts';
import { boundLog, logBytes } from './log-bound.ts';
import { preparedReads } from './prepared-reads.ts';
import { acquireServerLock, type ServerLock } from './server-lock.ts';

export interface SqliteOptions {
  /** Whether this process serves the file; only one process may at a time. Defaults to false, for commands that write briefly. */
  readonly owned?: boolean | undefined;
}

/** A database of this process alone, which can give its writing to a thread. */
export interface SqliteDatabase extends Database {
  /**
   * Closes the connection that writes, once the running transactions have ended, and leaves that which reads. From then on it waits for no lock.
   * @returns the reads, which `release` must close at the end.
   */
  handOver(): Promise<HandedOver>;
}

/** What a database keeps when it has given its writing away. */
export interface HandedOver {
  readonly reads: Database;
  /** Bytes of the log, which the last connection to close moves into the file. */
  readonly logBytes: () => number;
  /** Lets another process serve the file. */
  readonly release: () => void;
}

/**
 * Opens or creates the file, readable by its owner alone.
 * @throws StoreError when the file cannot be opened as a database, is served by another process, lies on a network file system, or the SQLite library is too old.
 */
export async function openSqlite(path: string, { owned = false }: SqliteOptions = {}): Promise<SqliteDatabase> {
  const { writer, reader, ownership } = await connect(path, owned);
  const { database, queue } = writingOn({ path, writer, reader, ownership });
  return {
    ...database,
    handOver: () =>
      queue(async () => {
        // The first read opens the log. Behind the writer it could not.
        reader.prepare('SELECT count(*) FROM sqlite_schema').get();
        writer.close();
        reader.pragma('busy_timeout = 0');
        return {
          reads: readingOn(reader),
          logBytes: () => logBytes(path),
          release: () => ownership?.release(),
        };
      }),
  };
}

/** Opens the file, which exists and which this process serves, for a thread that writes. */
export async function openWrites(path: string): Promise<Database> {
  const writer = await connectWriter(path);
  writer.pragma(`busy_timeout = ${busyTimeoutMs}`);
  // What a savepoint would restore, some 100 KiB, is else written to a file for each member of a group commit.
  writer.pragma('temp_store = MEMORY');
  const { database, queue } = writingOn({ path, writer, reader: connectReader(path), ownership: undefined });
  const endBound = boundLog(writer, path, queue);
  return {
    ...database,
    close() {
      endBound();
      return database.close();
    },
  };
}

/** Opens the file, which exists, for reads alone: each sees what is committed when it begins, and waits for locks. */
export function openReads(path: string): Database {
  return readingOn(connectReader(path));
}

interface Writing {
  readonly path: string;
  readonly writer: Connection;
  readonly reader: Connection;
  readonly ownership: ServerLock | undefined;
}

function writingOn({ path, writer, reader, ownership }: Writing): { database: Database; queue: SerialQueue } {
  const writeQueries = queriesOf(writer);
  const queue = serialQueue();
  const commits = createGroupCommit(writer);
  const database: Database = {
    ...readingOn(reader),
    write: (work) =>
      translated(() => {
        const written = commits.add(() => work(writeQueries));
        void queue(() => commits.run());
        return written;
      }),
    migrate: (work) =>
      translated(() =>
        queue(() =>
          migration(writer, { queries: writeQueries, run: runOn(writer) }, async (step) => {
            const result = await work(step);
            // A command of a newer version must not change the tables under a server of an older one.
            if (result.changedTables && ownership === undefined) acquireServerLock(path).release();
            return result;
          }),
        ),
      ),
    emptyLog: () => translated(() => queue(async () => emptyLog(writer))),
    close: () => queue(async () => closeInTurn(reader, writer, ownership)),
    // A log that a killed process left stays as it is only if the last to close may not write a checkpoint.
    abandon: () =>
      queue(async () =>
        logBytes(path) === 0 ? closeInTurn(reader, writer, ownership) : closeInTurn(writer, reader, ownership),
      ),
  };
  return { database, queue };
}

function readingOn(reader: Connection): Database {
  const queries = queriesOf(reader);
  const dataVersion = reader.prepare<[], number>('PRAGMA data_version').pluck();
  const refuseWrite = () => Promise.reject(new Error('This connection only reads.'));
  const close = async () => void reader.close();
  return {
    ...dialect,
    notifications: localNotifications(),
    version: () => readVersion(dataVersion),
    preparedReads: preparedReads(reader, queries),
    read: (work) => translated(() => work(queries)),
    write: refuseWrite,
    migrate: refuseWrite,
    close,
    abandon: close,
  };
}

/** Waits for readers as long as the busy timeout says. https://sqlite.org/pragma.html#pragma_wal_checkpoint */
function emptyLog(writer: Connection): boolean {
  const [result] = writer.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  return result?.busy === 0;
}

/** Changes with every commit of another connection, in any process. https://sqlite.org/pragma.html#pragma_data_version */
function readVersion(dataVersion: Sqlite.Statement<[], number>): number {
  try {
    return Number(dataVersion.get());
  } catch (error) {
    throw translateFailure(error);
  }
}

/** The last connection to close writes a checkpoint and removes the log, if it may write. The next server starts after that. */
function closeInTurn(first: Connection, last: Connection, ownership: ServerLock | undefined): void {
  first.close();
  last.close();
  ownership?.release();
}

/** SQLite's spelling. */
export const dialect: Dialect = {
  tables,
  isOneOf: (column, jsonTexts) => sql`${column} IN (SELECT value FROM json_each(${jsonTexts}))`,
  isSelected: (column, subquery) => sql`${column} IN (${subquery})`,
  contains: (column, word) => sql`instr(${column}, ${word}) > 0`,
  wordParameter: (word) => word,
  unindexed: (column) => sql`+${column}`,
  trigrams: (expression) => sql`(SELECT rowid AS number FROM registry_fts WHERE registry_fts MATCH ${expression}
    UNION ALL SELECT number FROM registry_search WHERE number > (SELECT up_to FROM registry_fts_state)) AS candidate`,
  entriesOf: (json) => sql`json_each(${json}) AS entry`,
  textsOf: (json) => sql`json_each(${json}) AS entry`,
  // A transaction is exclusive anyway.
  heldToTheEnd: sql``,
  ownedToTheEnd: sql``,
  exceptLocked: sql``,
  tryLock: async () => true,
  async hasTable(queries, name) {
    return (
      (
        await queries
          .select({ name: sql`name` })
          .from(sql`sqlite_schema`)
          .where(sql`type = 'table' AND name = ${name}`)
      ).length > 0
    );
  },
  createMigrationTable: `CREATE TABLE IF NOT EXISTS schema_migration (
    position INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT`,
};

function runOn(connection: Connection): Migration['run'] {
  return async (statement) => {
    connection.exec(statement);
  };
}

/** Runs one piece of work after the other, in order. */
type SerialQueue = <T>(work: () => Promise<T>) => Promise<T>;

function serialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

async function exclusiveTransaction(connection: Connection, work: () => Promise<void>): Promise<void> {
  connection.exec('BEGIN EXCLUSIVE');
  try {
    await work();
    connection.exec('COMMIT');
  } catch (error) {
    // SQLite itself has rolled back already after some errors, such as a full disk.
    if (connection.inTransaction) {
      connection.exec('ROLLBACK');
    }
    throw error;
  }
}

/** Foreign keys are off outside the transaction (inside, the pragma does nothing): else dropping a rebuilt table deletes its children. */
async function migration(
  writer: Connection,
  step: Migration,
  work: (step: Migration) => Promise<MigrationResult>,
): Promise<void> {
  writer.pragma('foreign_keys = OFF');
  try {
    await exclusiveTransaction(writer, async () => {
      const { changedTables } = await work(step);
      if (changedTables) {
        refuseBrokenReferences(writer);
      }
    });
  } finally {
    writer.pragma('foreign_keys = ON');
    writer.pragma(`busy_timeout = ${busyTimeoutMs}`);
  }
}

function refuseBrokenReferences(writer: Connection): void {
  const broken = writer.pragma('foreign_key_check') as { table: string }[];
  if (broken.length > 0) {
    throw new StoreError(
      `A migration left rows of ${broken[0]?.table} without the row that they refer to; nothing of it was kept.`,
    );
  }
}
