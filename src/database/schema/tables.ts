// Defines the tables, once for both dialects.

import { sql } from 'drizzle-orm';

import type { Columns } from './columns.postgres.ts';

/** The tables of one dialect, typed as PostgreSQL's: both have the same values. */
export type Tables = ReturnType<typeof defineTables>;

/** Defines the tables with a dialect's column builders. Times are in epoch milliseconds. */
export function defineTables(columns: Columns) {
  const account = defineAccount(columns);
  const registry = defineRegistry(columns, account);
  return {
    account,
    registry,
    registrySearch: defineRegistrySearch(columns, registry),
    registryUse: defineRegistryUse(columns, registry),
    loginClaim: defineLoginClaim(columns, registry),
    derivation: defineDerivation(columns),
    apiToken: defineApiToken(columns, account),
    ...defineAudit(columns),
    ...defineKeys(columns),
  };
}

type Account = ReturnType<typeof defineAccount>;

function defineAccount(columns: Columns) {
  return columns.table('account', {
    name: columns.text('name').primaryKey(),
    createdAt: columns.timeMs('created_at').notNull(),
    disabledAt: columns.timeMs('disabled_at'),
  });
}

function defineRegistry(columns: Columns, account: Account) {
  return columns.table(
    'registry',
    {
      id: columns.text('id').primaryKey(),
      account: columns
        .text('account')
        .notNull()
        .references(() => account.name),
      registry: columns.text('registry').notNull(),
      host: columns.text('host').notNull(),
      repository: columns.text('repository'),
      name: columns.text('name').notNull(),
      /** What names are ordered by. */
      nameKey: columns.text('name_key').notNull().default(''),
      type: columns.text('type').notNull(),
      username: columns.text('username').notNull(),
      secureConnection: columns.boolean('secure_connection').notNull(),
      trustedRealm: columns.text('trusted_realm'),
      probeRepository: columns.text('probe_repository'),
      /** The report as JSON. */
      lastValidation: columns.text('last_validation'),
      /** The report's outcome, to filter by. */
      outcome: columns.text('outcome'),
      /** When the credential is to be checked again; null for never. */
      nextCheckAt: columns.timeMs('next_check_at'),
      version: columns.integer('version').notNull(),
      secretVersion: columns.integer('secret_version').notNull(),
      /** The sealed password. Never part of a list or get. */
      sealed: columns.bytes('sealed').notNull(),
      /** The alternate passwords, sealed. Never part of a list or get either. */
      sealedPending: columns.bytes('sealed_pending'),
      sealedPrevious: columns.bytes('sealed_previous'),
      pendingSince: columns.timeMs('pending_since'),
      previousUsableUntil: columns.timeMs('previous_usable_until'),
      createdAt: columns.timeMs('created_at').notNull(),
      updatedAt: columns.timeMs('updated_at').notNull(),
    },
    // One index for each page order and for each filter, so that every one of them is an index read. The last has all that the choice of due
    // registries depends on, so that those passed over cost no read of their rows, and the account first, so that those of a disabled account
    // are not even passed over.
    (column) => [
      columns.uniqueIndex('registry_account_registry').on(column.account, column.registry),
      columns.index('registry_account_host').on(column.account, column.host, column.registry),
      columns.index('registry_account_type').on(column.account, column.type, column.registry),
      columns.index('registry_account_outcome').on(column.account, column.outcome, column.registry),
      columns.index('registry_account_name_key').on(column.account, column.nameKey, column.id),
      columns.index('registry_account_created_at').on(column.account, column.createdAt, column.id),
      columns.index('registry_account_updated_at').on(column.account, column.updatedAt, column.id),
      columns
        .index('registry_account_next_check_at')
        .on(column.account, column.nextCheckAt, column.id, column.host, column.outcome),
    ],
  );
}

/** What a search of registries looks into, folded. Migrations written by hand put a trigram index on it, which Drizzle cannot express. */
function defineRegistrySearch(columns: Columns, registry: ReturnType<typeof defineRegistry>) {
  return columns.table('registry_search', {
    /** Names the row in the trigram index of SQLite, where the number of a row without such a column may change. */
    number: columns.sequence('number'),
    registryId: columns
      .text('registry_id')
      .notNull()
      .unique()
      .references(() => registry.id, { onDelete: 'cascade' }),
    account: columns.text('account').notNull(),
    text: columns.text('text').notNull(),
  });
}

/** How the derived columns of registries were computed: by which rules, and for which interval. */
function defineDerivation(columns: Columns) {
  return columns.table(
    'derivation',
    {
      id: columns.integer('id').primaryKey(),
      version: columns.integer('version').notNull(),
      checkEveryMs: columns.long('check_every_ms').notNull(),
      /** The ID up to which registries are derived so. Null once all are. */
      derivedTo: columns.text('derived_to'),
    },
    (column) => [columns.check('derivation_is_one_row', sql`${column.id} = 1`)],
  );
}

/** Usage counted by actor, image, registry version, and outcome. Deleted with its registry. */
function defineRegistryUse(columns: Columns, registry: ReturnType<typeof defineRegistry>) {
  return columns.table(
    'registry_use',
    {
      registryId: columns
        .text('registry_id')
        .notNull()
        .references(() => registry.id, { onDelete: 'cascade' }),
      registryVersion: columns.integer('registry_version').notNull(),
      actor: columns.text('actor').notNull(),
      image: columns.text('image').notNull(),
      outcome: columns.text('outcome').notNull(),
      count: columns.long('count').notNull(),
      lastAt: columns.timeMs('last_at').notNull(),
    },
    // The first is the key by which counts are added up; the second finds the newest of a registry with one index seek.
    (column) => [
      columns
        .uniqueIndex('registry_use_key')
        .on(column.registryId, column.registryVersion, column.actor, column.image, column.outcome),
      columns.index('registry_use_last_at').on(column.registryId, column.lastAt),
    ],
  );
}

/** Which server tries the password of a registry, where several servers share the database. Deleted with its registry. */
function defineLoginClaim(columns: Columns, registry: ReturnType<typeof defineRegistry>) {
  return columns.table('login_claim', {
    registryId: columns
      .text('registry_id')
      .primaryKey()
      .references(() => registry.id, { onDelete: 'cascade' }),
    secretVersion: columns.integer('secret_version').notNull(),
    /** Null once the password was accepted. */
    claim: columns.text('claim'),
    claimedUntil: columns.timeMs('claimed_until').notNull(),
    rejectedUntil: columns.timeMs('rejected_until'),
    /** The last successful validation that the server that was rejected knew of. */
    validatedAt: columns.timeMs('validated_at').notNull(),
  });
}

function defineApiToken(columns: Columns, account: Account) {
  return columns.table(
    'api_token',
    {
      id: columns.text('id').primaryKey(),
      account: columns
        .text('account')
        .notNull()
        .references(() => account.name),
      role: columns.text('role').notNull(),
      name: columns.text('name').notNull(),
      secretHash: columns.bytes('secret_hash').notNull(),
      /** The image patterns as a JSON list, or null for no limit. */
      images: columns.text('images'),
      createdAt: columns.timeMs('created_at').notNull(),
      expiresAt: columns.timeMs('expires_at'),
      revokedAt: columns.timeMs('revoked_at'),
      /** Written in batches, about a minute after the use. */
      lastUsedAt: columns.timeMs('last_used_at'),
    },
    // The first is the order of lists; the second finds the active ones, however many are not.
    (column) => [
      columns.index('api_token_account_created_at').on(column.account, column.createdAt, column.id),
      columns.index('api_token_account_active').on(column.account, column.revokedAt, column.expiresAt),
    ],
  );
}

/** Without foreign keys: an event outlives the resource that it is about. */
function defineAudit(columns: Columns) {
  const auditEvent = columns.table(
    'audit_event',
    {
      /** Set by the chain, not by the database: one more than in the previous event. */
      seq: columns.sequence('seq'),
      at: columns.timeMs('at').notNull(),
      actor: columns.text('actor').notNull(),
      account: columns.text('account').notNull(),
      action: columns.text('action').notNull(),
      target: columns.text('target').notNull(),
      targetText: columns.text('target_text').notNull(),
      outcome: columns.text('outcome').notNull(),
      requestId: columns.text('request_id').notNull(),
      /** Links the event to the previous one. Null only until the first start after the update that introduced the chain. */
      hash: columns.text('hash'),
    },
    // One index for each filter that picks few events of many; the newest come first.
    (column) => [
      columns.index('audit_event_account').on(column.account, column.seq),
      columns.index('audit_event_actor').on(column.actor, column.seq),
      columns.index('audit_event_target').on(column.target, column.seq),
    ],
  );
  const auditHead = columns.table(
    'audit_head',
    {
      id: columns.integer('id').primaryKey(),
      seq: columns.long('seq').notNull(),
      hash: columns.text('hash').notNull(),
      mac: columns.text('mac').notNull(),
    },
    (column) => [columns.check('audit_head_is_one_row', sql`${column.id} = 1`)],
  );
  const auditArchive = columns.table(
    'audit_archive',
    {
      id: columns.integer('id').primaryKey(),
      previousSeq: columns.long('previous_seq').notNull(),
      previousHash: columns.text('previous_hash').notNull(),
      lastSeq: columns.long('last_seq').notNull(),
      lastHash: columns.text('last_hash').notNull(),
      events: columns.long('events').notNull(),
      digest: columns.text('digest').notNull(),
      at: columns.timeMs('at').notNull(),
      actor: columns.text('actor').notNull(),
      mac: columns.text('mac').notNull(),
    },
    (column) => [columns.check('audit_archive_is_one_row', sql`${column.id} = 1`)],
  );
  return { auditEvent, auditHead, auditArchive };
}

function defineKeys(columns: Columns) {
  const dataKey = columns.table('data_key', {
    id: columns.long('id').primaryKey(),
    rootKeyId: columns.text('root_key_id').notNull(),
    wrapped: columns.bytes('wrapped').notNull(),
    state: columns.text('state').notNull(),
    createdAt: columns.timeMs('created_at').notNull(),
  });
  const sealCanary = columns.table(
    'seal_canary',
    { id: columns.integer('id').primaryKey(), sealed: columns.bytes('sealed').notNull() },
    (column) => [columns.check('seal_canary_is_one_row', sql`${column.id} = 1`)],
  );
  return { dataKey, sealCanary };
}
