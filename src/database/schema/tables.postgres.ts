// The tables in PostgreSQL's dialect; the migrations in drizzle/postgres are generated from these.

import { postgresKit } from './columns.postgres.ts';
import { defineTables } from './tables.ts';

export const { account, registry, registryUse, apiToken, auditEvent, auditHead, dataKey, sealCanary } = defineTables(postgresKit);
