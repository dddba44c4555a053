// Opens a database to read it whole while a server may write: at one moment, or each page as it is when it is read.

import { join } from 'node:path';
import type { AuditArchiveStore } from '../core/audit/store.ts';
import type { AuditTrail } from '../core/audit/verification.ts';
import { type KeyRotationStore, type KeyStore, sealedPages, type SealedRegistry } from '../core/passwords/key-store.ts';
import type { Registry } from '../core/registry/registry.ts';
import { type Database, isPostgres, type SnapshotDatabase } from './database.ts';
import { countMissing } from './migrate.ts';
import { auditArchiveStore, readArchiveRecord } from './repositories/audit-archive.ts';
import { auditChain } from './repositories/audit.ts';
import { keyRotationStore } from './repositories/key-rotation.ts';
import { registriesInOrder } from './repositories/pages/export.ts';
import type { StoreOptions } from './store.ts';

export interface Snapshot {
  readonly keys: KeyStore;
  readonly audit: AuditTrail;
  readonly auditArchives: AuditArchiveStore;
  /** Returns every registry of every account, by ID, in pages. */
  registries(): AsyncIterable<SealedRegistry>;
  /** Returns every registry of one account, or of all if undefined, in pages, by account and pattern. */
  registriesInOrder(account: string | undefined): AsyncIterable<readonly Registry[]>;
  /** As `SnapshotDatabase.findViolations`. */
  findViolations(): Promise<string[] | null>;
  /**
   * Returns how many migrations of this program the database lacks. While it lacks any, nothing else can be read.
   * @throws StoreError if the database is newer than this program, or is not a Regway database.
   */
  missingMigrations(): Promise<number>;
  readonly database: Database;
  close(): Promise<void>;
}

/** Rows in one page, of about 1 KiB each. */
const pageSize = 500;

/**
 * `ONE`: everything that is read is of one moment. As long as it is open, the write-ahead log of SQLite cannot restart, so it grows with
 * every write of a server. `EACH_READ`: each page is as it is when it is read, and holds nothing afterwards (on PostgreSQL as `ONE`).
 */
export type Moment = 'ONE' | 'EACH_READ';

/**
 * Opens an existing database to read it. Writes nothing, not even a missing migration.
 * @throws StoreError if the database does not exist; Problem `STORAGE_UNAVAILABLE` if it cannot be reached.
 */
export async function openSnapshot({
  url,
  migrationsDir,
  moment,
}: Pick<StoreOptions, 'url' | 'migrationsDir'> & { readonly moment: Moment }): Promise<Snapshot> {
  const dialect = isPostgres(url) ? 'postgres' : 'sqlite';
  const database = dialect === 'postgres' ? await openPostgres(url) : await openSqlite(url, moment);
  const { append, ...audit } = auditChain(database);
  const keys = keyRotationStore(database, append);
  return {
    keys,
    audit: { ...audit, archive: () => readArchiveRecord(database) },
    auditArchives: auditArchiveStore(database, append),
    registries: () => registriesOf(keys),
    registriesInOrder: (account) => registriesInOrder(database, account),
    findViolations: () => database.findViolations(),
    missingMigrations: () => countMissing(database, join(migrationsDir, dialect)),
    database,
    close: () => database.close(),
  };
}

async function* registriesOf(keys: KeyRotationStore): AsyncIterable<SealedRegistry> {
  for await (const page of sealedPages(keys, pageSize)) yield* page;
}

async function openPostgres(url: string): Promise<SnapshotDatabase> {
  const { openPostgresSnapshot } = await import('./postgres/open.ts');
  return await openPostgresSnapshot(url);
}

async function openSqlite(path: string, moment: Moment): Promise<SnapshotDatabase> {
  const { openSqliteSnapshot } = await import('./sqlite/snapshot.ts');
  return openSqliteSnapshot(path, { isOneMoment: moment === 'ONE' });
}
