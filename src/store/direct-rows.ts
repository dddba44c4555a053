// Reads on the embedded database that go straight to the driver: Drizzle writes the statement, but fills it in and maps its rows several times slower.

import type Sqlite from 'better-sqlite3';
import { Column, is, Placeholder } from 'drizzle-orm';

import type { Database, Queries } from './database.ts';
import { translateFailure } from './failure.ts';
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

function rowReader(columns: Record<string, Column>): (values: readonly unknown[]) => object {
  const keys = Object.keys(columns);
  // Most columns take what the driver gives as it is.
  const readers = Object.values(columns).map((column) => (column.mapFromDriverValue === Column.prototype.mapFromDriverValue ? undefined : column));
  return (values) => {
    const row: Record<string, unknown> = {};
    for (const [index, key] of keys.entries()) {
      const value = values[index];
      const reader = readers[index];
      row[key] = reader === undefined || value === null ? value : reader.mapFromDriverValue(value);
    }
    return row;
  };
}
