// Opens the store: one database that implements every store port of the core.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { AccessStore } from '../core/accounts/store.ts';
import type { AuditStore } from '../core/audit/store.ts';
import type { KeyRotationStore, KeyStore } from '../core/passwords/key-store.ts';
import type { UseStore } from '../core/pulls/usage.ts';
import type { Notifications } from '../core/registry/events.ts';
import type { RegistryStore } from '../core/registry/store.ts';
import { type Database, isPostgres } from './database.ts';
import { StoreError } from './errors.ts';
import { migrate, type StoreLog } from './migrate.ts';
import { auditChain } from './repositories/audit.ts';
import { keyRotationStore } from './repositories/key-rotation.ts';
import { keyStore } from './repositories/keys.ts';
import { registryStore } from './repositories/registries.ts';
import { accessStore } from './repositories/tokens.ts';
import { useStore } from './repositories/usage.ts';

export interface Store {
  readonly registries: RegistryStore;
  readonly access: AccessStore;
  readonly uses: UseStore;
  /** Start it with its key before anything is changed. */
  readonly audit: AuditStore;
  readonly keys: KeyRotationStore;
  readonly notifications: Notifications;
  /** Returns whether the database answers within 2 s. */
  ready(): Promise<boolean>;
  /** Waits for running transactions, then closes the database. */
  close(): Promise<void>;
  /** Closes the database without writing anything, as a refused start must. */
  abandon(): Promise<void>;
}

export interface StoreOptions {
  /** A file's path for SQLite, or `postgres://…`. */
  readonly url: string;
  /** The folder that contains `sqlite/` and `postgres/`. */
  readonly migrationsDir: string;
  /** Whether this process serves the store. A SQLite file has one such process; PostgreSQL any number. */
  readonly owned?: boolean | undefined;
  readonly log?: StoreLog | undefined;
  /** Checks the keys of an existing database before anything is written to it. If it throws, the database is not opened. */
  readonly checkKeys?: ((keys: KeyStore) => Promise<void>) | undefined;
}

/** Milliseconds. The query takes a few; probes give up after 1 to 5 s. */
const maxReadinessMs = 2_000;

/**
 * Opens the database, creating and migrating it as needed. Safe for several processes at once.
 * @throws StoreError if the database does not fit this program; Problem `STORAGE_UNAVAILABLE` if it cannot be reached.
 */
export async function openStore({ url, migrationsDir, owned, ...options }: StoreOptions): Promise<Store> {
  // Only the driver in use is loaded: each costs a tenth of a second at start.
  if (isPostgres(url)) {
    const { openPostgres } = await import('./postgres/open.ts');
    return await storeOn(openPostgres(url), join(migrationsDir, 'postgres'), options);
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) {
    throw new StoreError('The database must be the path of a SQLite file or a postgres:// address.');
  }
  const { openSqlite } = await import('./sqlite/open.ts');
  return await storeOn(await openSqlite(url, { owned }), join(migrationsDir, 'sqlite'), options);
}

/**
 * Creates the store on an open database, which it migrates first and closes with itself.
 * @param migrations The folder of this dialect's migrations.
 * @throws as `openStore`, after closing the database.
 */
export async function storeOn(
  database: Database,
  migrations: string,
  { log, checkKeys }: Pick<StoreOptions, 'log' | 'checkKeys'> = {},
): Promise<Store> {
  try {
    if (checkKeys !== undefined && (await hasKeys(database))) await checkKeys(keyStore(database));
    await migrate(database, migrations, log);
  } catch (error) {
    await database.abandon();
    throw error;
  }
  const { append, ...audit } = auditChain(database);
  return {
    registries: registryStore(database, append),
    access: accessStore(database, append),
    uses: useStore(database),
    audit,
    keys: keyRotationStore(database, append),
    notifications: database.notifications,
    ready: () => isReady(database),
    close: () => database.close(),
    abandon: () => database.abandon(),
  };
}

/** Reads a table that exists since the first migration, so that databases of any version can be checked. */
async function hasKeys(database: Database): Promise<boolean> {
  return database.read((queries) => database.hasTable(queries, 'data_key'));
}

async function isReady(database: Database): Promise<boolean> {
  const answering = database
    .read((queries) =>
      queries
        .select({ one: sql`1` })
        .from(database.tables.account)
        .limit(1),
    )
    .then(
      () => true,
      () => false,
    );
  return await Promise.race([answering, pause(maxReadinessMs, false, { ref: false })]);
}
