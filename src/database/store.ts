// Opens the store: one database that implements every store port of the core.

import { join } from 'node:path';
import type { KeyStore } from '../core/passwords/key-store.ts';
import type { LoginClaims } from '../core/pulls/login-claims.ts';
import type { Notifications } from '../core/registry/events.ts';
import { Problem } from '../core/shared/problem.ts';
import { type Database, isPostgres } from './database.ts';
import { StoreError } from './errors.ts';
import { migrate, type MigrationOptions, type StoreLog } from './migrate.ts';
import type { PoolCounts } from './postgres/pool/counts.ts';
import { keyStore } from './repositories/keys.ts';
import { type Repositories, repositoriesOn } from './repositories/repositories.ts';
import type { SqliteDatabase } from './sqlite/open.ts';

export interface Store extends Repositories {
  readonly notifications: Notifications;
  /** Where several servers can share the database. */
  readonly claims?: LoginClaims | undefined;
  /** What an operator watches of a SQLite file that this process serves. */
  readonly figures?: () => StoreFigures;
  /** What an operator watches of PostgreSQL. */
  readonly connections?: StoreConnections;
  /** Waits for running transactions, then closes the database. */
  close(): Promise<void>;
  /** Closes the database without writing anything, as a refused start must. */
  abandon(): Promise<void>;
}

export interface StoreFigures {
  /** Calls that wait for a thread or run on it. */
  readonly pending: { readonly writes: number; readonly scans: number };
  /** Bytes of the write-ahead log. */
  readonly logBytes: number;
}

export interface StoreConnections {
  /** The open pools of this process, by what they are for. */
  readonly pools: () => ReadonlyMap<string, PoolCounts>;
  /** Returns how many connections with this login wait for a lock, those of other replicas included. */
  readonly lockWaits: () => Promise<number>;
}

/** Where the database is, without any secret. */
export type StoragePlace =
  /** `host` is `host:port`, or several of them with commas. */
  | { readonly storage: 'postgresql'; readonly host: string; readonly database: string }
  | { readonly storage: 'sqlite'; readonly path: string };

export interface StoreOptions {
  /** A file's path for SQLite, or `postgres://…`. */
  readonly url: string;
  /** An address of the same PostgreSQL database that listens for notifications. Defaults to `url`. */
  readonly listenUrl?: string | undefined;
  /** The folder that contains `sqlite/` and `postgres/`. */
  readonly migrationsDir: string;
  /** Whether this process serves the store. A SQLite file has one such process, and is written to on a thread of its own; PostgreSQL any number. */
  readonly owned?: boolean | undefined;
  /** Called when a thread of the store has died, after the calls that it held have failed. */
  readonly onDeath?: ((error: unknown) => void) | undefined;
  /** Called when a thread dies after 3 restarts within a minute. From then on nothing can be stored. */
  readonly onGivenUp?: (() => void) | undefined;
  readonly log?: StoreLog | undefined;
  /** As `MigrationOptions`. */
  readonly checkEveryMs?: number | undefined;
  /** Checks the keys of an existing database before anything is written to it. If it throws, the database is not opened. */
  readonly checkKeys?: ((keys: KeyStore) => Promise<void>) | undefined;
}

/**
 * Opens the database, creating and migrating it as needed. Safe for several processes at once.
 * @throws StoreError if the database does not fit this program; Problem `STORAGE_UNAVAILABLE` if it cannot be reached.
 */
export async function openStore({ url, migrationsDir, ...options }: StoreOptions): Promise<Store> {
  // Only the driver in use is loaded: each costs a tenth of a second at start.
  if (isPostgres(url)) {
    const { openPostgres } = await import('./postgres/open.ts');
    const { openPools } = await import('./postgres/pool/counts.ts');
    const hears = options.owned ? await examine(url, options) : true;
    const database = openPostgres(url, { listenUrl: options.listenUrl, hears });
    const store = await storeOn(database, join(migrationsDir, 'postgres'), options);
    return { ...store, connections: { pools: openPools, lockWaits: () => database.lockWaits() } };
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) {
    throw new StoreError('The database must be the path of a SQLite file or a postgres:// address.');
  }
  const [{ openSqlite }, { startingFailure }] = await Promise.all([
    import('./sqlite/open.ts'),
    import('./sqlite/opening-failure.ts'),
  ]);
  const database = await openSqlite(url, options);
  const migrations = join(migrationsDir, 'sqlite');
  try {
    return options.owned
      ? await threadedStore(database, migrations, { url, ...options })
      : await storeOn(database, migrations, options);
  } catch (error) {
    throw await startingFailure(error, url);
  }
}

/** Examines a server that this process will use for long. Returns whether notifications arrive. @throws as `examineServer`. */
async function examine(url: string, { listenUrl, log }: Pick<StoreOptions, 'listenUrl' | 'log'>): Promise<boolean> {
  const { examineServer } = await import('./postgres/start/examination.ts');
  const { hears, withoutEffect } = await examineServer(url, listenUrl);
  if (withoutEffect.length > 0)
    log?.warn?.({ options: withoutEffect }, 'options in the address of the database have no effect in Regway');
  if (!hears)
    log?.warn?.(
      {},
      'REGWAY_DATABASE_URL leads through a pooler that loses LISTEN: subscriptions report only the changes that are made through this replica. For those of other replicas, set REGWAY_DATABASE_LISTEN_URL to an address without the pooler, or through one in session mode',
    );
  return hears;
}

/**
 * Runs what opens a database that was not examined. If its server does not answer, examines it, because the driver's error names neither the host
 * nor what to do.
 * @throws as `examineServer`; what `open` throws if nothing is wrong with the server, or the database is a file.
 */
export async function explainingFailure<T>(url: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (isPostgres(url) && error instanceof Problem && error.code === 'STORAGE_UNAVAILABLE')
      await (await import('./postgres/start/examination.ts')).examineServer(url, undefined);
    throw error;
  }
}

/** Returns where the database of a valid address is. */
export async function storagePlace(url: string): Promise<StoragePlace> {
  if (!isPostgres(url)) return { storage: 'sqlite', path: url };
  const { parseAddress } = await import('./postgres/address.ts');
  const { hosts, database } = parseAddress(url);
  return { storage: 'postgresql', host: hosts.map(({ host, port }) => `${host}:${port}`).join(','), database };
}

/** The store of a file that this process serves. While it opens, nothing is served yet, so all of it happens here. */
async function threadedStore(
  database: SqliteDatabase,
  migrations: string,
  { url, onDeath = () => undefined, onGivenUp = () => undefined, ...options }: Omit<StoreOptions, 'migrationsDir'>,
): Promise<Store> {
  const { threadedRepositories } = await import('./sqlite/threads/threaded-store.ts');
  await prepare(database, migrations, options);
  const { reads, logBytes, release } = await database.handOver();
  const { close, pending, ...repositories } = threadedRepositories(reads, { path: url, onDeath, onGivenUp });
  const closeAll = async (writerIsLast: boolean) => {
    try {
      await close(() => reads.close(), writerIsLast);
    } finally {
      release();
    }
  };
  return {
    ...repositories,
    figures: () => ({ pending: pending(), logBytes: logBytes() }),
    notifications: reads.notifications,
    close: () => closeAll(true),
    // A log that a killed process left stays as it is only if the last to close may not write a checkpoint.
    abandon: () => closeAll(logBytes() === 0),
  };
}

/**
 * Creates the store on an open database, which it migrates first and closes with itself.
 * @param migrations The folder of this dialect's migrations.
 * @throws as `openStore`, after closing the database.
 */
export async function storeOn(database: Database, migrations: string, options: PrepareOptions = {}): Promise<Store> {
  await prepare(database, migrations, options);
  const repositories = repositoriesOn(database);
  return {
    ...repositories,
    notifications: database.notifications,
    claims: database.claims,
    close: () => database.close(),
    abandon: () => database.abandon(),
  };
}

type PrepareOptions = MigrationOptions & Pick<StoreOptions, 'checkKeys'>;

async function prepare(
  database: Database,
  migrations: string,
  { checkKeys, ...options }: PrepareOptions,
): Promise<void> {
  try {
    if (checkKeys !== undefined && (await hasKeys(database))) await checkKeys(keyStore(database));
    await migrate(database, migrations, options);
  } catch (error) {
    await database.abandon();
    throw error;
  }
}

/** Reads a table that exists since the first migration, so that databases of any version can be checked. */
async function hasKeys(database: Database): Promise<boolean> {
  return database.read((queries) => database.hasTable(queries, 'data_key'));
}
