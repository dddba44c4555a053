// The tables, defined once for both dialects.

import { sql } from 'drizzle-orm';

import type { Columns } from './columns.postgres.ts';

/** The tables of one dialect, typed as PostgreSQL's: both give the same values. */
export type Tables = ReturnType<typeof defineTables>;

/** Builds the tables with a dialect's column makers. Times are epoch milliseconds. */
export function defineTables(kit: Columns) {
  const account = defineAccount(kit);
  const registry = defineRegistry(kit, account);
  return {
    account,
    registry,
    registryUse: defineRegistryUse(kit, registry),
    apiToken: defineApiToken(kit, account),
    ...defineAudit(kit),
    ...defineKeys(kit),
  };
}

type Account = ReturnType<typeof defineAccount>;

function defineAccount(kit: Columns) {
  return kit.table('account', {
    name: kit.text('name').primaryKey(),
    createdAt: kit.timeMs('created_at').notNull(),
    disabledAt: kit.timeMs('disabled_at'),
  });
}

function defineRegistry(kit: Columns, account: Account) {
  return kit.table(
    'registry',
    {
      id: kit.text('id').primaryKey(),
      account: kit.text('account').notNull().references(() => account.name),
      registry: kit.text('registry').notNull(),
      host: kit.text('host').notNull(),
      repository: kit.text('repository'),
      name: kit.text('name').notNull(),
      type: kit.text('type').notNull(),
      username: kit.text('username').notNull(),
      secureConnection: kit.boolean('secure_connection').notNull(),
      trustedRealm: kit.text('trusted_realm'),
      probeRepository: kit.text('probe_repository'),
      /** The report as JSON. */
      lastValidation: kit.text('last_validation'),
      /** The report's outcome, to filter by. */
      outcome: kit.text('outcome'),
      version: kit.integer('version').notNull(),
      secretVersion: kit.integer('secret_version').notNull(),
      /** The sealed password. Never part of a list or get. */
      sealed: kit.bytes('sealed').notNull(),
      /** Two more, which wait beside it. Never part of a list or get either. */
      sealedPending: kit.bytes('sealed_pending'),
      sealedPrevious: kit.bytes('sealed_previous'),
      pendingSince: kit.timeMs('pending_since'),
      previousUsableUntil: kit.timeMs('previous_usable_until'),
      createdAt: kit.timeMs('created_at').notNull(),
      updatedAt: kit.timeMs('updated_at').notNull(),
    },
    // One index for each page order and for the lookup by host, so that every one of them is an index read.
    (column) => [
      kit.uniqueIndex('registry_account_registry').on(column.account, column.registry),
      kit.index('registry_account_host').on(column.account, column.host, column.registry),
      kit.index('registry_account_name').on(column.account, column.name, column.id),
      kit.index('registry_account_created_at').on(column.account, column.createdAt, column.id),
      kit.index('registry_account_updated_at').on(column.account, column.updatedAt, column.id),
    ],
  );
}

/** Uses counted by who, image, version and outcome. They are the registry's own, so they go with it. */
function defineRegistryUse(kit: Columns, registry: ReturnType<typeof defineRegistry>) {
  return kit.table(
    'registry_use',
    {
      registryId: kit.text('registry_id').notNull().references(() => registry.id, { onDelete: 'cascade' }),
      registryVersion: kit.integer('registry_version').notNull(),
      actor: kit.text('actor').notNull(),
      image: kit.text('image').notNull(),
      outcome: kit.text('outcome').notNull(),
      count: kit.long('count').notNull(),
      lastAt: kit.timeMs('last_at').notNull(),
    },
    // The first is what counts are added up by; the second makes the newest of a registry one index seek.
    (column) => [
      kit.uniqueIndex('registry_use_key').on(column.registryId, column.registryVersion, column.actor, column.image, column.outcome),
      kit.index('registry_use_last_at').on(column.registryId, column.lastAt),
    ],
  );
}

function defineApiToken(kit: Columns, account: Account) {
  return kit.table(
    'api_token',
    {
      id: kit.text('id').primaryKey(),
      account: kit.text('account').notNull().references(() => account.name),
      role: kit.text('role').notNull(),
      name: kit.text('name').notNull(),
      secretHash: kit.bytes('secret_hash').notNull(),
      /** The image patterns as a JSON list, or null for no limit. */
      images: kit.text('images'),
      createdAt: kit.timeMs('created_at').notNull(),
      expiresAt: kit.timeMs('expires_at'),
      revokedAt: kit.timeMs('revoked_at'),
      /** Written in batches, some time after the use. */
      lastUsedAt: kit.timeMs('last_used_at'),
    },
    (column) => [kit.index('api_token_account').on(column.account)],
  );
}

/** No foreign keys: an event outlives what it tells of. */
function defineAudit(kit: Columns) {
  const auditEvent = kit.table(
    'audit_event',
    {
      /** Given by the chain, not by the database: one more than the event before. */
      seq: kit.sequence('seq'),
      at: kit.timeMs('at').notNull(),
      actor: kit.text('actor').notNull(),
      account: kit.text('account').notNull(),
      action: kit.text('action').notNull(),
      target: kit.text('target').notNull(),
      targetText: kit.text('target_text').notNull(),
      outcome: kit.text('outcome').notNull(),
      requestId: kit.text('request_id').notNull(),
      /** Links the event to the one before. Null only until the first start after the update that brought the chain. */
      hash: kit.text('hash'),
    },
    // One index for each filter that picks few events of many; the newest come first.
    (column) => [
      kit.index('audit_event_account').on(column.account, column.seq),
      kit.index('audit_event_actor').on(column.actor, column.seq),
      kit.index('audit_event_target').on(column.target, column.seq),
    ],
  );
  const auditHead = kit.table(
    'audit_head',
    { id: kit.integer('id').primaryKey(), seq: kit.long('seq').notNull(), hash: kit.text('hash').notNull(), mac: kit.text('mac').notNull() },
    (column) => [kit.check('audit_head_is_one_row', sql`${column.id} = 1`)],
  );
  return { auditEvent, auditHead };
}

function defineKeys(kit: Columns) {
  const dataKey = kit.table('data_key', {
    id: kit.long('id').primaryKey(),
    rootKeyId: kit.text('root_key_id').notNull(),
    wrapped: kit.bytes('wrapped').notNull(),
    state: kit.text('state').notNull(),
    createdAt: kit.timeMs('created_at').notNull(),
  });
  const sealCanary = kit.table(
    'seal_canary',
    { id: kit.integer('id').primaryKey(), sealed: kit.bytes('sealed').notNull() },
    (column) => [kit.check('seal_canary_is_one_row', sql`${column.id} = 1`)],
  );
  return { dataKey, sealCanary };
}
