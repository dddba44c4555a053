// Opens the store: one database under every port that keeps something.

import { join } from 'node:path';

import { sql } from 'drizzle-orm';

import type { AccessStore, AuditStore, KeyStore, Notices, RegistryStore, UseStore } from '../core/ports.ts';
import { accessStore } from './access.ts';
import { auditChain } from './audit.ts';
import type { Database } from './database.ts';
import { keyStore } from './keys.ts';
import { migrate, type StoreLog, StoreRefused } from './migrate.ts';
import { registryStore } from './registries.ts';
import { useStore } from './uses.ts';

export interface Store {
  readonly registries: RegistryStore;
  readonly access: AccessStore;
  readonly uses: UseStore;
  /** To be started with its key before anything is changed. */
  readonly audit: AuditStore;
  readonly keys: KeyStore;
  readonly notices: Notices;
  /** Whether the database answers. */
  ready(): Promise<boolean>;
  /** Waits for transactions that run, then lets the database go. */
  close(): Promise<void>;
  /** Lets the database go without writing anything, as a refused start must. */
  abandon(): Promise<void>;
}

export interface StoreOptions {
  /** A file's path for SQLite, or `postgres://…`. */
  readonly url: string;
  /** The folder that holds `sqlite/` and `postgres/`. */
  readonly migrationsDir: string;
  /** Whether this process serves the store. A SQLite file has one such process; PostgreSQL any number. */
  readonly owned?: boolean | undefined;
  readonly log?: StoreLog | undefined;
}

/**
 * Opens the database, creating and migrating it as needed. Safe for several processes at once.
 * @throws StoreRefused when the database does not fit this program; Problem `STORAGE_UNAVAILABLE` when it cannot be reached.
 */
export async function openStore({ url, migrationsDir, owned, log }: StoreOptions): Promise<Store> {
  // Only the driver in use is loaded: each costs a tenth of a second at start.
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import('./postgres.ts');
    return await storeOn(openPostgres(url), join(migrationsDir, 'postgres'), log);
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) {
    throw new StoreRefused('The database must be the path of a SQLite file or a postgres:// address.');
  }
  const { openSqlite } = await import('./sqlite.ts');
  return await storeOn(await openSqlite(url, { owned }), join(migrationsDir, 'sqlite'), log);
}

/**
 * The store on an open database, which it migrates first and closes at its end.
 * @param migrations the folder of this dialect's migrations.
 * @throws as `openStore`; the database is closed then.
 */
export async function storeOn(database: Database, migrations: string, log?: StoreLog): Promise<Store> {
  try {
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
    keys: keyStore(database),
    notices: database.notices,
    ready: () => isReady(database),
    close: () => database.close(),
    abandon: () => database.abandon(),
  };
}

async function isReady(database: Database): Promise<boolean> {
  try {
    await database.read((queries) => queries.select({ one: sql`1` }).from(database.tables.account).limit(1));
    return true;
  } catch {
    return false;
  }
}
