// Opens a PostgreSQL database, which several servers can share: a bounded pool, deadlines, and the same queries as on SQLite.

import { type SQL, sql } from 'drizzle-orm';
import type { Notifications } from '../../core/registry/events.ts';
import {
  type Database,
  type Dialect,
  localNotifications,
  type Queries,
  type RunChange,
  type SendEvents,
  type SnapshotDatabase,
} from '../database.ts';
import { translated } from '../errors.ts';
import * as tables from '../schema/tables.postgres.ts';
import { parseAddress } from './address.ts';
import { type Deadline, endless, type Within, withinDeadline, withoutDeadline } from './deadline.ts';
import { channel, postgresNotifications, unheardNotifications } from './listen-notify.ts';
import { loginClaims } from '../login-claims.ts';
import { runMigration } from './migration.ts';
import { createPool, type Pool, statementTimeoutMs } from './pool.ts';
import { inBatches } from './writes/batches.ts';
import { createWriters, type Turn, writerConnections, type Writers } from './writes/writers.ts';

/** Statements take milliseconds; ten connections serve thousands of requests a second and leave a default server (100) room for other replicas. */
const maxConnections = 10;

/** The rest: no write takes a connection from the reads. */
const readerConnections = maxConnections - writerConnections;

/** Milliseconds. The server cancels a statement earlier, unless it is stopped or its host disappeared. */
const answerTimeoutMs = statementTimeoutMs + 2_000;

/** Maximum number of concurrent calls: as many as a server answers in a second. While it is silent, more calls would only wait. */
const maxRunning = 5_000;

/** A database that several processes share. */
export interface PostgresDatabase extends Database {
  /** Returns how many connections with this login wait for a lock, those of other processes included. */
  lockWaits(): Promise<number>;
}

/** How a database hears of changes. */
export interface Listening {
  /** The address that listens. Defaults to the address of the database. */
  readonly listenUrl?: string | undefined;
  /** Whether notifications arrive there. Defaults to true. */
  readonly hears?: boolean;
}

/**
 * Opens a database; connects at the first call.
 * @param url `postgres://…`, with `sslmode` and the like as its parameters.
 * @throws StoreError for an invalid address; no message contains its text, which may contain a password.
 */
export function openPostgres(url: string, { listenUrl = url, hears = true }: Listening = {}): PostgresDatabase {
  const address = parseAddress(url);
  const pool = createPool(address, readerConnections);
  const writers = createWriters(address);
  const within = deadlineOf(pool, writers);
  const notify = inBatches((texts) => within(() => pool.use(({ queries }) => queries.execute(notifyAll(texts)))));
  const notifications = hears
    ? postgresNotifications(createPool(parseAddress(listenUrl), 1, { purpose: 'listen' }), notify)
    : unheardNotifications(notify);
  const close = async (): Promise<void> => {
    await writers.end();
    await notifications.close();
    await pool.end();
  };
  const runner: Runner = { ...writers, read: (work) => pool.read(({ queries }) => work(queries)) };
  return {
    ...postgresDatabase(runner, close, notifications, within),
    lockWaits: () => translated(() => within(() => pool.read(({ queries }) => countLockWaits(queries)))),
  };
}

/** Every user may see what its own connections wait for. */
async function countLockWaits(queries: Queries): Promise<number> {
  const [row] = await queries
    .select({ count: sql<number>`count(*)::int` })
    .from(sql`pg_stat_activity`)
    .where(sql`datname = current_database() AND usename = current_user AND wait_event_type = 'Lock'`);
  return row?.count ?? 0;
}

function notifyAll(texts: readonly string[]): SQL {
  return sql`SELECT pg_notify(${channel}, entry.value)
    FROM jsonb_array_elements_text(${JSON.stringify(texts)}::text::jsonb) AS entry(value)`;
}

function deadlineOf(...pools: readonly Pick<Pool, 'closeSilent'>[]): Within {
  return withinDeadline({
    limitMs: answerTimeoutMs,
    maxRunning,
    onOver: () => pools.forEach((pool) => pool.closeSilent(statementTimeoutMs)),
  });
}

/** Runs reads and transactions on connections. */
interface Runner extends Pick<Writers, 'transaction'>, Partial<Pick<Writers, 'changes'>> {
  read<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
}

/**
 * Milliseconds that a command may do something else between two reads, such as verify an archive of millions of events, or wait for who reads what
 * it prints. Its transaction locks no rows, and ends with its connection.
 */
const snapshotIdleTimeoutMs = 3_600_000;

const beginSnapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = ${snapshotIdleTimeoutMs}`;

/**
 * Opens a snapshot of the database: one connection in one read-only transaction.
 * @throws as `openPostgres`; Problem `STORAGE_UNAVAILABLE` if it cannot be reached.
 */
export async function openPostgresSnapshot(url: string): Promise<SnapshotDatabase> {
  const pool = createPool(parseAddress(url), 1);
  const within = deadlineOf(pool);
  const refuseWrite = () => Promise.reject(new Error('A snapshot is only read.'));
  const begun = within(async (deadline) => {
    const connection = await pool.connect();
    try {
      await connection.run(() => connection.client.query(beginSnapshot));
      deadline.check();
      return connection;
    } catch (error) {
      // The pool does not end before it has its connection back.
      connection.release();
      throw error;
    }
  });
  const connection = await translated(() => begun).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  const inOrder = serialQueue();
  const runner: Runner = {
    read: (work) => inOrder(() => connection.run(() => work(connection.queries))),
    transaction: refuseWrite,
  };
  const close = async (): Promise<void> => {
    connection.release();
    await pool.end();
  };
  const database = postgresDatabase(runner, close, localNotifications(), within);
  return { ...database, write: refuseWrite, migrate: refuseWrite, findViolations: () => Promise.resolve(null) };
}

/** Creates a queue that runs one piece of work after the other, because a connection answers one query at a time. */
function serialQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

/** Creates the store's database on any driver of PostgreSQL's dialect (tests use PGlite). */
export function postgresDatabase(
  runner: Runner,
  close: () => Promise<void>,
  notifications: Notifications = localNotifications(),
  within: Within = withoutDeadline,
): Database {
  const read: Database['read'] = (work) => translated(() => within(() => runner.read(work)));
  return {
    ...dialect,
    notifications,
    claims: loginClaims(read),
    read,
    write: (work, lane = '') =>
      translated(() =>
        within((deadline) =>
          runner.transaction((queries) => inTime(deadline, () => work(queries)), { lane, deadline }),
        ),
      ),
    ...(runner.changes !== undefined && { changes: changesWithin(runner.changes, within) }),
    migrate: (work) => translated(() => runMigration((run) => runner.transaction(run, migrationTurn), work)),
    close,
    abandon: close,
  };
}

/** A migration takes as long as it needs. */
const migrationTurn: Turn = { lane: '', deadline: endless };

function changesWithin(changes: Writers['changes'], within: Within): (send: SendEvents) => RunChange {
  return (send) => {
    const run = changes(send);
    return (lane, work) => translated(() => within((deadline) => run(work, { lane, deadline })));
  };
}

/** Neither begins nor commits a change whose caller already got STORAGE_UNAVAILABLE. */
async function inTime<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
  deadline.check();
  const result = await work();
  deadline.beforeCommit();
  return result;
}

const dialect: Dialect = {
  tables,
  // One parameter for any number of texts, and still an index condition.
  isOneOf: (column, jsonTexts) =>
    sql`${column} = ANY(ARRAY(SELECT jsonb_array_elements_text(${jsonTexts}::text::jsonb)))`,
  isSelected: (column, subquery) => sql`${column} = ANY(ARRAY(${subquery}))`,
  // An index of trigrams knows LIKE, and no other way to find a piece of a text.
  contains: (column, word) => sql`${column} LIKE ${word}`,
  wordParameter: (word) => `%${word.replaceAll(/[\\%_]/g, '\\$&')}%`,
  unindexed: (column) => sql`${column}`,
  entriesOf: (json) => sql`jsonb_array_elements(${json}::text::jsonb) AS entry(value)`,
  textsOf: (json) => sql`jsonb_array_elements_text(${json}::text::jsonb) AS entry(value)`,
  heldToTheEnd: sql`FOR SHARE`,
  ownedToTheEnd: sql`FOR UPDATE`,
  exceptLocked: sql`FOR UPDATE SKIP LOCKED`,
  async tryLock(queries, number) {
    const taken = sql<boolean>`pg_try_advisory_xact_lock(${number})`;
    const [row] = await queries.select({ taken }).from(sql`(SELECT 1) AS one`);
    return row?.taken === true;
  },
  async hasTable(queries, name) {
    const [found] = await queries
      .select({ there: sql<boolean>`to_regclass(${name}) IS NOT NULL` })
      .from(sql`(SELECT 1) AS one`);
    return found?.there === true;
  },
  createMigrationTable: `CREATE TABLE IF NOT EXISTS schema_migration (
    position serial PRIMARY KEY, tag text NOT NULL, hash text NOT NULL, applied_at bigint NOT NULL)`,
};
