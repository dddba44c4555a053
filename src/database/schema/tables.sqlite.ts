// The tables in SQLite's dialect; the migrations in drizzle/sqlite are generated from these.

import { sqliteKit } from './columns.sqlite.ts';
import { defineTables } from './tables.ts';

export const { account, registry, registryUse, apiToken, auditEvent, auditHead, dataKey, sealCanary } = defineTables(sqliteKit);
