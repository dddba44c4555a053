// Column builders of SQLite, typed as PostgreSQL's.

import { blob, check, index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

import type { Columns } from './columns.postgres.ts';

const makers = {
  table: sqliteTable,
  index,
  uniqueIndex,
  check,
  text: (name: string) => text(name),
  bytes: (name: string) => blob(name, { mode: 'buffer' }),
  boolean: (name: string) => integer(name, { mode: 'boolean' }),
  integer: (name: string) => integer(name),
  long: (name: string) => integer(name),
  timeMs: (name: string) => integer(name),
  sequence: (name: string) => integer(name).primaryKey({ autoIncrement: true }),
} satisfies Record<keyof Columns, unknown>;

/** The one cast of this dialect: the builders accept the same calls and return the same values. */
export const sqliteColumns = makers as unknown as Columns;
