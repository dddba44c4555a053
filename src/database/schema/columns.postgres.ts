// The column makers of PostgreSQL; their shape is the kit that `defineTables` is written against.

import { bigint, bigserial, boolean, check, customType, index, integer, pgTable, uniqueIndex } from 'drizzle-orm/pg-core';

/** Byte order, as SQLite compares: pages then run in one order on both, whatever locale the server was made with. */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

export const postgresKit = {
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
  /** Numbers rows in the order they were written; never reused. */
  sequence: (name: string) => bigserial(name, { mode: 'number' }).primaryKey(),
};

/** What a dialect offers to define tables with. */
export type Columns = typeof postgresKit;
