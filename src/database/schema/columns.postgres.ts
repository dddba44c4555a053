// Column builders of PostgreSQL. `defineTables` is written against their types.

import {
  bigint,
  bigserial,
  boolean,
  check,
  customType,
  index,
  integer,
  pgTable,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

/** Sorts in byte order as SQLite does, so that pages have one order on both, whatever the locale of the server. */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

export const postgresColumns = {
  table: pgTable,
  index,
  uniqueIndex,
  check,
  text: (name: string) => text(name),
  bytes: (name: string) => bytes(name),
  boolean: (name: string) => boolean(name),
  /** A count that fits 4 bytes. */
  integer: (name: string) => integer(name),
  /** A number beyond 4 bytes, below 2^53. */
  long: (name: string) => bigint(name, { mode: 'number' }),
  /** Epoch milliseconds. */
  timeMs: (name: string) => bigint(name, { mode: 'number' }),
  /** Numbers rows in the order in which they were written; a number is never reused. */
  sequence: (name: string) => bigserial(name, { mode: 'number' }).primaryKey(),
};

/** The builders with which a dialect defines tables. */
export type Columns = typeof postgresColumns;
