// Reads on the embedded database that go straight to the driver: Drizzle writes the statement, but fills it in and maps its rows several times slower.

import type Sqlite from 'better-sqlite3';
import { Column, is, Placeholder } from 'drizzle-orm';

import type { Database, Queries } from '../database.ts';
import { translateFailure } from '../errors.ts';
import type { SharedReads } from './shared-reads.ts';

/** What Drizzle's prepared statement of SQLite knows, and its type hides. */
interface Prepared {
  readonly stmt: Sqlite.Statement<unknown[], unknown[]>;
  getQuery(): { readonly params: readonly unknown[] };
}

/** @param queries Drizzle on the connection that reads. @param reads of the same connection. */
export function directRows(queries: Queries, reads: Pick<SharedReads, 'hold'>): NonNullable<Database['rowsDirectly']> {
  return (columns, select) => {
    const toRow = rowReader(columns);
    // Prepared at the first call: the tables are made after the database is opened.
    let run: ((values: Record<string, unknown>) => unknown[][]) | undefined;
    return async (values) => {
      try {
        reads.hold();
        run ??= runPrepared(select(queries) as unknown as Prepared);
        return run(values).map(toRow) as never[];
      } catch (error) {
        throw translateFailure(error);
      }
    };
  };
}

function runPrepared(prepared: Prepared): (values: Record<string, unknown>) => unknown[][] {
  const statement = prepared.stmt.raw();
  const names = prepared.getQuery().params.map((parameter) => {
    if (is(parameter, Placeholder)) return parameter.name;
    throw new Error('a statement that is read directly has placeholders alone');
  });
  return (values) => statement.all(...names.map((name) => values[name]));
}

/** A literal gives all rows one shape, and is filled several times faster than key by key. */
function rowReader(columns: Record<string, Column>): (values: readonly unknown[]) => object {
  const mapped = Object.values(columns);
  const properties = Object.keys(columns).map(
    (key, index) => `${JSON.stringify(key)}: ${valueOf(mapped[index], index)}`,
  );
  // Of our own columns' names and numbers alone.
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function('columns', `return (values) => ({ ${properties.join(', ')} });`)(mapped) as (
    values: readonly unknown[],
  ) => object;
}

/** Most columns take what the driver gives as it is. */
function valueOf(column: Column | undefined, index: number): string {
  const value = `values[${index}]`;
  if (column === undefined || column.mapFromDriverValue === Column.prototype.mapFromDriverValue) return value;
  return `${value} === null ? null : columns[${index}].mapFromDriverValue(${value})`;
}
