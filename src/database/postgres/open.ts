// PostgreSQL, for several servers on one store: a bounded pool, and the same queries.

import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { Notifications } from '../../core/registry/events.ts';
import { type Database, type Dialect, localNotices, type Queries, type SnapshotDatabase } from '../database.ts';
import { isConnectionLost, StoreError, translated } from '../errors.ts';
import * as tables from '../schema/tables.postgres.ts';
import { type Deadline, type Within, withinDeadline, withoutDeadline } from './deadline.ts';
import { postgresNotices } from './listen-notify.ts';
import { poolSockets, type PoolSockets } from './pool-sockets.ts';

/** Statements take milliseconds; ten serve thousands of requests a second and leave a default server (100) room for other replicas. */
const maxConnections = 10;

/** A server that does not answer in this time is down, as far as a caller is concerned. */
const connectTimeoutSeconds = 5;

/** Left to itself the driver waits up to 20 s between attempts: so long would callers wait to hear that the server is down, and after it is back. */
const reconnectDelayMs = 100;

/** Far above any statement of ours; a stuck one gives its connection back. */
const statementTimeoutMs = 10_000;

/** A transaction of ours waits for others of ours alone, and those last milliseconds. */
const lockTimeoutMs = 5_000;

/** A server that dies inside a transaction must not hold its locks for long. */
const idleInTransactionTimeoutMs = 15_000;

/** Several servers that start at once wait for the one that migrates. */
const migrationLockTimeoutMs = 60_000;

/** The server ends a statement before; one that is lost without a word, or stopped, ends nothing. */
const answerTimeoutMs = statementTimeoutMs + 2_000;

/** What a server answers in a second. While it is silent, more calls would only wait, and be made in the end for nobody. */
const maxRunning = 5_000;

/** Names the lock that migrations take; any number that nobody else uses on this database ("regway" in ASCII). */
const migrationLock = '125779853140345';

/**
 * @param url `postgres://…`, with `sslmode` and the like as its parameters.
 * @throws StoreError when it is no valid address; its text is in no message, it may hold a password.
 */
export function openPostgres(url: string): Database {
  const { client, within, end } = connect(url, maxConnections);
  const notices = postgresNotices(client);
  const close = async (): Promise<void> => {
    await notices.close();
    await end();
  };
  return postgresDatabase(drizzle(client), close, notices, within);
}

interface Pool {
  readonly client: postgres.Sql;
  readonly within: Within;
  readonly end: () => Promise<void>;
}

function connect(url: string, max: number): Pool {
  if (!URL.canParse(url)) {
    throw new StoreError(
      'The address of the PostgreSQL database is not a valid URL; percent-encode what is special in its password.',
    );
  }
  const sockets = poolSockets();
  const client = postgres(url, { ...optionsOf(max), ...socketsOption(url, sockets) });
  return {
    client,
    within: withinDeadline({
      limitMs: answerTimeoutMs,
      maxRunning,
      onOver: () => sockets.closeSilent(statementTimeoutMs),
    }),
    async end() {
      sockets.close();
      await client.end({ timeout: connectTimeoutSeconds });
    },
  };
}

/** Of several hosts the driver chooses one with sockets of its own alone; there, calls end in time, and connections when the kernel gives up. */
function socketsOption(url: string, { open }: PoolSockets): object {
  return new URL(url).host.includes(',') ? {} : { socket: open };
}

function optionsOf(max: number) {
  return {
    max,
    connect_timeout: connectTimeoutSeconds,
    backoff: () => reconnectDelayMs / 1000,
    // We use no array types; and a connection that breaks while the driver asks for them ends the process.
    fetch_types: false,
    // Notices would go to the console.
    onnotice: () => undefined,
    connection: {
      application_name: 'regway',
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    },
  };
}

/**
 * One moment of the database, on one connection in one transaction that only reads.
 * @throws as `openPostgres`; Problem `STORAGE_UNAVAILABLE` when it cannot be reached.
 */
export async function openPostgresSnapshot(url: string): Promise<SnapshotDatabase> {
  const { client, within, end } = connect(url, 1);
  const database = postgresDatabase(drizzle(client), end, localNotices(), within);
  const refuseWrite = () => Promise.reject(new Error('A snapshot is only read.'));
  try {
    await database.read((queries) => queries.execute(sql.raw('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')));
  } catch (error) {
    await database.close();
    throw error;
  }
  return { ...database, write: refuseWrite, migrate: refuseWrite, complaints: () => Promise.resolve(null) };
}

/** The store's database on any driver of PostgreSQL's dialect (tests use PGlite). */
export function postgresDatabase(
  queries: Queries,
  close: () => Promise<void>,
  notices: Notifications = localNotices(),
  within: Within = withoutDeadline,
): Database {
  return {
    ...dialect,
    notifications: notices,
    read: (work) => translated(() => within(() => afterBreak(() => work(queries)))),
    write: (work) =>
      translated(() =>
        within((deadline) =>
          afterBreak(() =>
            queries.transaction((transaction) => untilBreak(() => inTime(deadline, () => work(transaction)))),
          ),
        ),
      ),
    migrate: (work) =>
      translated(() =>
        queries.transaction(async (transaction) => {
          await transaction.execute(sql.raw(`SET LOCAL statement_timeout = 0`));
          await transaction.execute(sql.raw(`SET LOCAL lock_timeout = ${migrationLockTimeoutMs}`));
          await transaction.execute(sql.raw(`SELECT pg_advisory_xact_lock(${migrationLock})`));
          const run = async (statement: string) => void (await transaction.execute(sql.raw(statement)));
          await untilBreak(() => work({ queries: transaction, run }));
        }),
      ),
    close,
    abandon: close,
  };
}

/** A change whose caller was told that the storage is unavailable is not begun any more, and not committed. */
async function inTime<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
  deadline.check();
  const result = await work();
  deadline.check();
  return result;
}

/**
 * Connections break together, and what is written to one of them before the driver has noticed spoils it for half a minute: so nobody hears
 * of the first break, and asks again, before all are noticed. https://github.com/porsager/postgres/issues/1154
 */
async function afterBreak<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isConnectionLost(error)) await pause(reconnectDelayMs);
    throw error;
  }
}

/**
 * The driver rejects a transaction whose connection breaks, whatever becomes of its work. Work that fails as well makes it send a ROLLBACK
 * over the broken connection, which ends the process: so that work never ends. https://github.com/porsager/postgres/issues/1208
 */
async function untilBreak<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isConnectionLost(error)) await new Promise(() => undefined);
    throw error;
  }
}

const dialect: Dialect = {
  tables,
  // One parameter whatever the number of texts, and still an index condition.
  isOneOf: (column, jsonTexts) =>
    sql`${column} = ANY(ARRAY(SELECT jsonb_array_elements_text(${jsonTexts}::text::jsonb)))`,
  isSelected: (column, subquery) => sql`${column} = ANY(ARRAY(${subquery}))`,
  contains: (column, text) => sql`strpos(lower(${column}), ${text}) > 0`,
  entriesOf: (json) => sql`jsonb_array_elements(${json}::text::jsonb) AS entry(value)`,
  textsOf: (json) => sql`jsonb_array_elements_text(${json}::text::jsonb) AS entry(value)`,
  heldToTheEnd: sql`FOR SHARE`,
  async hasTable(queries, name) {
    const [found] = await queries
      .select({ there: sql<boolean>`to_regclass(${name}) IS NOT NULL` })
      .from(sql`(SELECT 1) AS one`);
    return found?.there === true;
  },
  createMigrationTable: `CREATE TABLE IF NOT EXISTS schema_migration (
    position serial PRIMARY KEY, tag text NOT NULL, hash text NOT NULL, applied_at bigint NOT NULL)`,
};
