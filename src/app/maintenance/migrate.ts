// Copies all data to PostgreSQL, and exports the registries without their passwords.

import { join } from 'node:path';
import type { Registry } from '../../core/registry/registry.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Progress } from '../../core/shared/progress.ts';
import { isPostgres } from '../../database/database.ts';
import { parseAddress } from '../../database/postgres/address.ts';
import { completeAddress } from '../../database/postgres/address/environment.ts';
import { type MovedTable, copyToPostgres } from '../../database/postgres/copy-from-sqlite.ts';
import { openPostgres } from '../../database/postgres/open.ts';
import type { Snapshot } from '../../database/snapshot.ts';
import { openStore } from '../../database/store.ts';
import type { Config } from '../config.ts';
import { migrationsDir } from '../paths.ts';
import { requireCurrentTables, withPages, withSnapshot } from './snapshot.ts';

/**
 * Copies the embedded database to an empty PostgreSQL database in one transaction. The file and the keyring, which opens
 * both databases, do not change.
 * @param url the target, `postgres://…`. libpq's variables of the environment complete it, PGPASSWORD among them.
 * @throws AddressError if the target cannot be read; StoreError if a server is running on the file, because its writes would be lost; Problem if the file is damaged, or like `copyToPostgres`.
 */
export async function moveToPostgres(
  { databaseUrl, addressDefaults }: Config,
  url: string,
  progress: Progress,
): Promise<MovedTable[]> {
  if (!isPostgres(url)) throw new Problem('INVALID_INPUT', 'The target must be postgres://user@host/database.');
  if (isPostgres(databaseUrl))
    throw new Problem('INVALID_INPUT', 'The data is already stored in PostgreSQL (REGWAY_DATABASE_URL).');
  // Before the file is locked and migrated, and while each mistake still has the name of the variable that contains it.
  parseAddress(url, 'The target', addressDefaults);
  // Checks that the database exists, because opening the store would create it.
  await withSnapshot(databaseUrl, async () => undefined);
  // Opening locks the file against servers and migrates it to the tables of this version, which PostgreSQL gets.
  const store = await openStore({ url: databaseUrl, migrationsDir, owned: true });
  try {
    return await withSnapshot(databaseUrl, (source) =>
      moveInto(source, { url: completeAddress(url, addressDefaults), progress }),
    );
  } finally {
    await store.close();
  }
}

/**
 * Passes the registries to `print` page by page, without passwords, sorted by account and pattern. A server may be running.
 * @param account the account to export; if undefined, all accounts.
 * @param print is awaited before the next page is read.
 * @throws StoreError if no database exists or its tables are of a later version; Problem if they are of an earlier one. Nothing was printed then.
 */
export async function exportRegistries(
  { databaseUrl }: Config,
  account: string | undefined,
  print: (registries: readonly Registry[]) => Promise<void>,
): Promise<void> {
  await withPages(databaseUrl, async (pages) => {
    await requireCurrentTables(pages);
    for await (const page of pages.registriesInOrder(account)) await print(page);
  });
}

interface Target {
  readonly url: string;
  readonly progress: Progress;
}

async function moveInto(source: Snapshot, { url, progress }: Target): Promise<MovedTable[]> {
  progress('Verifying the database');
  const [violation] = (await source.findViolations()) ?? [];
  if (violation !== undefined)
    throw new Problem(
      'INVALID_INPUT',
      `The database is damaged, so nothing was copied: ${violation}. Restore a backup first.`,
    );
  const target = openPostgres(url);
  try {
    return await copyToPostgres(source.database, target, join(migrationsDir, 'postgres'), progress);
  } finally {
    await target.close();
  }
}
