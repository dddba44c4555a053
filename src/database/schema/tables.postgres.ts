// Tables in PostgreSQL's dialect. The migrations in drizzle/postgres are generated from them.

import { postgresColumns } from './columns.postgres.ts';
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
} = defineTables(postgresColumns);
