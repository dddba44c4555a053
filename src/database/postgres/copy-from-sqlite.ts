// Copies a whole store from SQLite into an empty PostgreSQL database, in one transaction at whose end every row is read back and compared.

import { createHash } from 'node:crypto';
import { type Column, getTableColumns, getTableName, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { adminAccount } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import { noProgress, type Progress } from '../../core/shared/progress.ts';
import type { Database, Queries } from '../database.ts';
import { StoreError } from '../errors.ts';
import { applyMissing } from '../migrate.ts';
import type { Tables } from '../schema/tables.ts';

export interface MovedTable {
  readonly table: string;
  readonly rows: number;
}

/** Rows per statement. PostgreSQL accepts 65,535 parameters in a statement, and no table has a hundred columns. */
const pageSize = 500;

/** Returns the names in the order of definition: a table comes after those that it references. */
const namesOf = (tables: Tables): (keyof Tables)[] => Object.keys(tables) as (keyof Tables)[];

type Row = Readonly<Record<string, unknown>>;

/**
 * Copies every row of every table unchanged: sealed passwords, keys, and audit events stay the same bytes.
 * @param source a snapshot of a SQLite database with the tables of this version.
 * @param target a PostgreSQL database; missing tables are created.
 * @param migrations the directory of PostgreSQL's migrations.
 * @param progress shows the rows of each table.
 * @throws Problem `INVALID_INPUT` if the target contains any row; StoreError if it returns other rows than it received. After any failure, the target is unchanged.
 */
export async function copyToPostgres(
  source: Database,
  target: Database,
  migrations: string,
  progress: Progress = noProgress,
): Promise<MovedTable[]> {
  const moved: MovedTable[] = [];
  await target.migrate(async (migration) => {
    await applyMissing(target, migration, migrations);
    await makeEmpty(target.tables, migration.queries);
    for (const name of namesOf(target.tables)) {
      const table = getTableName(target.tables[name]);
      const onRows = (rows: number): void => progress(`Copying ${table}`, rows);
      const digests = await copyTable(source, source.tables[name], target.tables[name], migration.queries, onRows);
      progress(`Comparing ${table}`);
      await compareTable(target.tables[name], migration.queries, digests);
      moved.push({ table, rows: digests.length });
    }
    return { changedTables: true };
  });
  return moved;
}

/** Deletes the rows that are created with the tables, the admin account and the state of the derivation, because the source contains them too. */
async function makeEmpty(tables: Tables, queries: Queries): Promise<void> {
  for (const name of namesOf(tables)) {
    const rows = (await queries.select().from(tables[name]).limit(2)) as Row[];
    const isNew =
      name === 'account'
        ? rows.every((row) => row['name'] === adminAccount)
        : rows.length === 0 || name === 'derivation';
    if (!isNew) {
      throw new Problem(
        'INVALID_INPUT',
        `The PostgreSQL database is not empty (its table ${getTableName(tables[name])} has rows), so nothing was moved. Give an empty one.`,
      );
    }
  }
  await queries.delete(tables.account);
  await queries.delete(tables.derivation);
}

/** Copies one table, and returns the digest of every row. */
async function copyTable(
  source: Database,
  from: PgTable,
  to: PgTable,
  queries: Queries,
  onRows: (rows: number) => void,
): Promise<string[]> {
  const digests: string[] = [];
  for await (const rows of pagesOf(source, from)) {
    await queries.insert(to).values([...rows]);
    for (const row of rows) digests.push(digestOf(from, row));
    onRows(digests.length);
  }
  await continueSequences(to, queries);
  return digests;
}

async function* pagesOf(source: Database, table: PgTable): AsyncIterable<Row[]> {
  const place = sql<number>`rowid`;
  for (let last = 0; ;) {
    const query = (reader: Queries) =>
      reader
        .select({ row: getTableColumns(table), place })
        .from(table)
        .where(sql`${place} > ${last}`)
        .orderBy(place)
        .limit(pageSize);
    const rows = await source.read(query);
    if (rows.length > 0) yield rows.map(({ row }) => row as Row);
    if (rows.length < pageSize) return;
    last = rows.at(-1)?.place ?? last;
  }
}

/** Continues the sequences of numbers after the copied ones. */
async function continueSequences(table: PgTable, queries: Queries): Promise<void> {
  const numbered = columnsOf(table).filter(([, column]) => column.getSQLType() === 'bigserial');
  for (const [, column] of numbered) {
    const sequence = sql`pg_get_serial_sequence(${getTableName(table)}, ${column.name})`;
    await queries.execute(
      sql`SELECT setval(${sequence}, (SELECT max(${column}) FROM ${table})) WHERE EXISTS (SELECT 1 FROM ${table})`,
    );
  }
}

/** Reads the table back. @throws StoreError unless it contains each row that was sent once, and no other. */
async function compareTable(table: PgTable, queries: Queries, sent: readonly string[]): Promise<void> {
  const stored: string[] = [];
  await queries.execute(sql`DECLARE moved NO SCROLL CURSOR FOR SELECT * FROM ${table}`);
  for (let rows: Row[] | undefined; rows?.length !== 0;) {
    rows = (await queries.execute<Row>(sql.raw(`FETCH ${pageSize} FROM moved`))).rows;
    for (const row of rows) stored.push(digestOf(table, mapped(table, row)));
  }
  await queries.execute(sql`CLOSE moved`);
  const [before, after] = [sent.toSorted(), stored.toSorted()];
  if (before.length !== after.length || before.some((digest, index) => digest !== after[index])) {
    throw new StoreError(
      `PostgreSQL does not return the rows of ${getTableName(table)} as they were sent, so nothing was moved. Look for triggers and rules in the target.`,
    );
  }
}

/** Converts a row from the driver's values to Drizzle's. */
function mapped(table: PgTable, row: Row): Row {
  return Object.fromEntries(
    columnsOf(table).map(([key, column]) => [
      key,
      row[column.name] === null ? null : column.mapFromDriverValue(row[column.name]),
    ]),
  );
}

function digestOf(table: PgTable, row: Row): string {
  const values = columnsOf(table).map(([key]) => {
    const value = row[key];
    return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value;
  });
  return createHash('sha256').update(JSON.stringify(values)).digest('base64');
}

function columnsOf(table: PgTable): [string, Column][] {
  return Object.entries<Column>(getTableColumns(table));
}
