// What the stores stand on: one database in either dialect, with awaited reads and queued or pooled transactions.

import { type Column, type SQL, sql } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { Notifications } from '../core/registry/events.ts';
import type { RegistryRow, TokenRow } from './schema/rows.ts';
import type { Tables } from './schema/tables.ts';

/** Drizzle's query builder. SQLite's is used through this type too, so call only what both have, and always await. */
export type Queries = PgDatabase<PgQueryResultHKT>;

/** What the two dialects spell differently. */
export interface Dialect {
  readonly tables: Tables;
  /** True for rows whose column is one of the texts in a JSON list, as an index read. */
  isOneOf(column: Column, jsonTexts: SQL): SQL;
  /** True for rows whose column is among what a subquery selects, which is run once for each row of the item before it in FROM. */
  isSelected(column: Column, subquery: SQL): SQL;
  /** True for rows whose column holds the (lower-case) text somewhere, ASCII case ignored. No character is a wildcard. */
  contains(column: Column, text: SQL): SQL;
  /** A FROM item whose `entry.value` is each object of a JSON list in turn. */
  entriesOf(json: SQL): SQL;
  /** A FROM item whose `entry.value` is each text of a JSON list in turn. */
  textsOf(json: SQL): SQL;
  /** Ends a SELECT in a transaction whose rows nobody may change before its end; other readers of this kind are let in. */
  readonly heldToTheEnd: SQL;
  /** True when the table is there. */
  hasTable(queries: Queries, name: string): Promise<boolean>;
  /** Creates the migrator's own table unless it is there. */
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

/** One open database. Every error leaves translated, without parameters. */
export interface Database extends Dialect {
  /** A number that another commit, by whatever process, changes. Undefined where asking for it costs as much as a query does. */
  readonly version?: () => number;
  /** Where the driver is several times faster without Drizzle. */
  readonly preparedReads?: PreparedReads;
  /** Runs queries that see only committed rows. */
  read<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /** Runs one transaction: all of `work` is stored, or nothing of it when it throws. */
  write<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /** As `write`, but alone, and with foreign keys checked once at the end, if the work says that it changed tables: the check reads every row. */
  migrate(work: (migration: Migration) => Promise<MigrationResult>): Promise<void>;
  /** Where replaced rows stay in a log: empties it into the file, in which they are overwritten. False when somebody reads from it still. */
  readonly emptyLog?: () => Promise<boolean>;
  readonly notices: Notifications;
  /** Waits for transactions that run, then lets the database go. */
  close(): Promise<void>;
  /** As `close`, for a start that was refused: nothing is written any more, not even a checkpoint of what a killed process left. */
  abandon(): Promise<void>;
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
 * A statement that is built once for each connection and then only run: built at each call it would cost 14 times as much.
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

/** A value given when the statement runs, passed to the driver as it is. */
export function given(name: string): SQL {
  return sql`${sql.placeholder(name)}`;
}

/** A value for each column given when the statement runs, under the column's key, converted as the column asks. */
export function givenFor<K extends string>(columns: Record<K, Column>): Record<K, SQL> {
  const entries = Object.entries<Column>(columns).map(([key, column]) => [
    key,
    sql`${sql.param(sql.placeholder(key), column)}`,
  ]);
  return Object.fromEntries(entries) as Record<K, SQL>;
}

/** Whether a database's url leads to PostgreSQL. */
export function isPostgres(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url);
}

/** What a dialect gives for a snapshot. Writing to it fails. */
export interface SnapshotDatabase extends Database {
  /** What the database says is broken about itself, in its words; null when it does not check itself on request. */
  complaints(): Promise<string[] | null>;
}

/** Notices that have something to close. */
export interface OpenNotices extends Notifications {
  close(): Promise<void>;
}

/** For a store that one process has to itself. */
export function localNotices(): OpenNotices {
  const listeners: ((text: string) => void)[] = [];
  return {
    send: (text) => listeners.forEach((hear) => hear(text)),
    listen: (hear) => void listeners.push(hear),
    close: async () => undefined,
  };
}
