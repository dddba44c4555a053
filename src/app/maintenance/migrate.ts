// Takes the data elsewhere: all of it to PostgreSQL, or what is no secret to a file for people.

import { join } from 'node:path';
import type { Registry } from '../../core/registry/registry.ts';
import { Problem } from '../../core/shared/problem.ts';
import { isPostgres } from '../../database/database.ts';
import { type MovedTable, copyToPostgres } from '../../database/postgres/copy-from-sqlite.ts';
import { openPostgres } from '../../database/postgres/open.ts';
import type { Snapshot } from '../../database/snapshot.ts';
import { openStore } from '../../database/store.ts';
import type { Config } from '../config.ts';
import { migrationsDir } from '../paths.ts';
import { refuseEarlierTables, withSnapshot } from './snapshot.ts';

/**
 * Moves the embedded database into an empty PostgreSQL, all or nothing. The file stays as it is, and so does the keyring, which opens both.
 * @param url `postgres://…`
 * @throws StoreError while a server runs on the file, whose writes would be left behind, or when it is damaged; Problem as `copyToPostgres`.
 */
export async function moveToPostgres({ databaseUrl }: Config, url: string): Promise<MovedTable[]> {
  if (!isPostgres(url)) throw new Problem('INVALID_INPUT', 'The target must be postgres://user@host/database.');
  if (isPostgres(databaseUrl))
    throw new Problem('INVALID_INPUT', 'The data lies in PostgreSQL already (REGWAY_DATABASE_URL).');
  // Whether there is one, before opening could make one.
  await withSnapshot(databaseUrl, async () => undefined);
  // Owned for the whole of the move, and brought to the tables of this version, which are those that PostgreSQL gets.
  const store = await openStore({ url: databaseUrl, migrationsDir, owned: true });
  try {
    return await withSnapshot(databaseUrl, (source) => moveInto(source, url));
  } finally {
    await store.close();
  }
}

/**
 * Gives every registry with no password, by account and text. A server may run.
 * @param account only its own; those of all when undefined.
 * @throws StoreError when there is no database, or its tables are of another version.
 */
export async function exportRegistries({ databaseUrl }: Config, account: string | undefined): Promise<Registry[]> {
  return await withSnapshot(databaseUrl, async (snapshot) => {
    await refuseEarlierTables(snapshot);
    const registries: Registry[] = [];
    for await (const { registry } of snapshot.registries()) {
      if (account === undefined || registry.account === account) registries.push(registry);
    }
    return registries.toSorted(
      (one, other) => compare(one.account, other.account) || compare(one.registry, other.registry),
    );
  });
}

async function moveInto(source: Snapshot, url: string): Promise<MovedTable[]> {
  const [complaint] = (await source.complaints()) ?? [];
  if (complaint !== undefined)
    throw new Problem(
      'INVALID_INPUT',
      `The database is damaged, so nothing was moved: ${complaint}. Restore a backup first.`,
    );
  const target = openPostgres(url);
  try {
    return await copyToPostgres(source.database, target, join(migrationsDir, 'postgres'));
  } finally {
    await target.close();
  }
}

function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
