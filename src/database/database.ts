// Defines what both databases are to the repositories: awaited reads, and queued or pooled transactions.

import { type Column, type SQL, sql } from 'drizzle-orm';
import type { NodePgQueryResultHKT } from 'drizzle-orm/node-postgres';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { AuditEvent } from '../core/audit/event.ts';
import type { LoginClaims } from '../core/pulls/login-claims.ts';
import type { Notifications } from '../core/registry/events.ts';
import type { RegistryRow, TokenRow } from './schema/rows.ts';
import type { Tables } from './schema/tables.ts';

/** Drizzle's query builder. SQLite's is used through this type too, so call only what both have, and always await. */
export type Queries = PgDatabase<NodePgQueryResultHKT>;

/** The SQL that the two dialects spell differently. */
export interface Dialect {
  readonly tables: Tables;
  /** True for rows whose column is one of the texts in a JSON list, as an index read. */
  isOneOf(column: Column, jsonTexts: SQL): SQL;
  /** True for rows whose column is among what a subquery selects, which is run once for each row of the item before it in FROM. */
  isSelected(column: Column, subquery: SQL): SQL;
  /** True for rows whose column contains the word of a `wordParameter`. No character is a wildcard. */
  contains(column: Column, word: SQL): SQL;
  /** The parameter that `contains` takes for a word. The empty word is contained in every text. */
  wordParameter(word: string): string;
  /** The value of a column, in a form for which no index is chosen where the database does not choose by statistics. */
  unindexed(column: Column): SQL;
  /** Where an index of trigrams is a table of its own: a FROM item whose `candidate.number` is that of each row that may match an expression. */
  readonly trigrams?: (expression: SQL) => SQL;
  /** A FROM item whose `entry.value` is each object of a JSON list in turn. */
  entriesOf(json: SQL): SQL;
  /** A FROM item whose `entry.value` is each text of a JSON list in turn. */
  textsOf(json: SQL): SQL;
  /** Ends a SELECT in a transaction whose rows no other transaction may change before it ends. Other such readers are not blocked. */
  readonly heldToTheEnd: SQL;
  /** Ends a SELECT in a transaction whose rows no other transaction may change or read so before it ends. */
  readonly ownedToTheEnd: SQL;
  /** Ends a SELECT in a transaction that omits rows which another transaction changes, and which no other may change before it ends. */
  readonly exceptLocked: SQL;
  /** Takes a lock of this number until the transaction ends. Returns false if another process has it. */
  tryLock(queries: Queries, number: number): Promise<boolean>;
  /** Returns whether the table exists. */
  hasTable(queries: Queries, name: string): Promise<boolean>;
  /** Creates the migrator's own table if it does not exist. */
  readonly createMigrationTable: string;
}

/** A transaction that no other process or connection can be inside of at the same time. */
export interface Migration {
  readonly queries: Queries;
  /** Runs one statement as written. */
  run(statement: string): Promise<void>;
}

export interface MigrationResult {
  readonly changedTables: boolean;
}

/** One open database. Every error that it throws is translated and contains no parameters. */
export interface Database extends Dialect {
  /** Returns a number that changes with every commit of any process. Undefined where reading it costs as much as a query. */
  readonly version?: () => number;
  /** Where the driver is several times faster without Drizzle. */
  readonly preparedReads?: PreparedReads;
  /** Runs queries that see only committed rows. */
  read<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /** Runs one transaction: all of `work` is stored, or nothing of it when it throws. @param lane whose turn it takes among those that wait. */
  write<T>(work: (queries: Queries) => Promise<T>, lane?: string): Promise<T>;
  /** Where changes run at the same time in one transaction, each with its audit event at the end. Otherwise `write` does it. */
  readonly changes?: (send: SendEvents) => RunChange;
  /** As `write`, but exclusive, and with foreign keys checked once at the end if the work changed tables: the check reads every row. */
  migrate(work: (migration: Migration) => Promise<MigrationResult>): Promise<void>;
  /** Where replaced rows stay in a log: moves it into the file, in which they are overwritten. False while a reader still uses the log. */
  readonly emptyLog?: () => Promise<boolean>;
  readonly notifications: Notifications;
  /** Where several servers can share the database. */
  readonly claims?: LoginClaims;
  /** Waits for running transactions, then closes the database. */
  close(): Promise<void>;
  /** As `close`, after a refused start: writes nothing, not even a checkpoint of the log of a killed process. */
  abandon(): Promise<void>;
}

/** What a change returns to its caller, and the event that records it: undefined if nothing changed. */
export interface Change<T> {
  readonly value: T;
  readonly event?: AuditEvent | undefined;
}

/**
 * Runs one change and stores its event with it, or nothing of both when `work` throws.
 * @param lane whose turn it takes among those that wait.
 * @param work throws a Problem only while it has changed nothing. It may run again after an attempt that stored nothing, and beside other
 * changes in the same transaction: no lock keeps these from what it has read, but each of its statements sees and changes rows at once.
 */
export type RunChange = <T>(lane: string, work: (queries: Queries) => Promise<Change<T>>) => Promise<T>;

/**
 * Appends events to the audit chain, as the last statements of a transaction, because every other change of the database waits from here on.
 * @returns the statements, once they are sent.
 */
export type SendEvents = (queries: Queries, events: readonly AuditEvent[]) => Promise<readonly Promise<unknown>[]>;

/** Returns what runs changes on a database. */
export function changesOn(database: Database, send: SendEvents): RunChange {
  const writeChange: RunChange = (lane, work) =>
    database.write(async (queries) => {
      const { value, event } = await work(queries);
      if (event !== undefined) await Promise.all(await send(queries, [event]));
      return value;
    }, lane);
  return database.changes?.(send) ?? writeChange;
}

/** A SELECT of the columns of `Row`, whose parameters are all placeholders. */
export interface Select<Row> {
  toSQL(): { readonly sql: string; readonly params: readonly unknown[] };
  prepare(name: string): { execute(values: Record<string, unknown>): Promise<Row[]> };
}

export type BuildSelect<Row> = (queries: Queries) => Select<Row>;

/** Runs one read with the values of its placeholders. Every error leaves translated. */
export type ReadRows<Row> = (values: Record<string, unknown>) => Promise<readonly Row[]>;

/** Prepares reads of one table on the driver itself. */
export interface PreparedReads {
  readonly registries: (build: BuildSelect<RegistryRow>) => ReadRows<RegistryRow>;
  readonly tokens: (build: BuildSelect<TokenRow>) => ReadRows<TokenRow>;
}

/** Prepares a read of registries that many requests make. */
export function registryReads(database: Database, build: BuildSelect<RegistryRow>): ReadRows<RegistryRow> {
  return database.preparedReads?.registries(build) ?? readsOf(database, build);
}

/** Prepares a read of API tokens that many requests make. */
export function tokenReads(database: Database, build: BuildSelect<TokenRow>): ReadRows<TokenRow> {
  return database.preparedReads?.tokens(build) ?? readsOf(database, build);
}

function readsOf<Row>(database: Database, build: BuildSelect<Row>): ReadRows<Row> {
  const prepared = statement((queries) => build(queries).prepare(unnamed));
  return (values) => database.read((queries) => prepared(queries).execute(values));
}

/** The name of every prepared statement. PostgreSQL keeps named ones per connection, and a pooler such as PgBouncer runs each transaction on another. */
export const unnamed = '';

/**
 * Builds a statement once for each connection: building it at each call costs 14 times as much.
 * On PostgreSQL each transaction has its own builder, so writes are built for each transaction there.
 */
export function statement<T>(build: (queries: Queries) => T): (queries: Queries) => T {
  const built = new WeakMap<Queries, T>();
  return (queries) => {
    let found = built.get(queries);
    if (found === undefined) {
      found = build(queries);
      built.set(queries, found);
    }
    return found;
  };
}

/** A placeholder whose value is passed to the driver as it is. */
export function given(name: string): SQL {
  return sql`${sql.placeholder(name)}`;
}

/** A placeholder for each column, under the column's key, whose value is converted as the column requires. */
export function givenFor<K extends string>(columns: Record<K, Column>): Record<K, SQL> {
  const entries = Object.entries<Column>(columns).map(([key, column]) => [
    key,
    sql`${sql.param(sql.placeholder(key), column)}`,
  ]);
  return Object.fromEntries(entries) as Record<K, SQL>;
}

/** Returns whether a database URL is one of PostgreSQL. */
export function isPostgres(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url);
}

/** One moment of a database. Writing to it fails. */
export interface SnapshotDatabase extends Database {
  /** The violations that the database finds in itself, in its own words; null if it has no such check. */
  findViolations(): Promise<string[] | null>;
}

/** Notifications over a connection, which must be closed. */
export interface NotificationChannel extends Notifications {
  close(): Promise<void>;
}

/** Creates the notifications of a store that only one process uses. */
export function localNotifications(): NotificationChannel {
  const listeners: ((text: string) => void)[] = [];
  return {
    send: (text) => listeners.forEach((hear) => hear(text)),
    listen: (hear) => void listeners.push(hear),
    close: async () => undefined,
  };
}
