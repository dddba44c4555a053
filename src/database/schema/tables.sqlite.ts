// Tables in SQLite's dialect. The migrations in drizzle/sqlite are generated from them.

import { sqliteColumns } from './columns.sqlite.ts';
import { defineTables } from './tables.ts';

export const {
  account,
  registry,
  registrySearch,
  registryUse,
  loginClaim,
  derivation,
  apiToken,
  auditEvent,
  auditHead,
  auditArchive,
  dataKey,
  sealCanary,
} = defineTables(sqliteColumns);
