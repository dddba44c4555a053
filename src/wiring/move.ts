// Takes the data elsewhere: all of it to PostgreSQL, or what is no secret to a file for people.

import { join } from 'node:path';
import type { Config } from '../config.ts';
import { Problem } from '../core/problem.ts';
import type { Registry } from '../core/registry.ts';
import { migrationsDir } from '../places.ts';
import { moveStore, type MovedTable } from '../store/move.ts';
import { claimOwnership } from '../store/owner.ts';
import { openPostgres } from '../store/postgres.ts';
import { openSnapshot, type Snapshot } from '../store/snapshot.ts';
import { openStore } from '../store/store.ts';

/**
 * Moves the embedded database into an empty PostgreSQL, all or nothing. The file stays as it is, and so does the keyring, which opens both.
 * @param url `postgres://…`
 * @throws StoreRefused while a server runs on the file, whose writes would be left behind, or when it is damaged; Problem as `moveStore`.
 */
export async function moveToPostgres({ databaseUrl }: Config, url: string): Promise<MovedTable[]> {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new Problem('INVALID_INPUT', 'The target must be postgres://user@host/database.');
  if (/^postgres(ql)?:\/\//.test(databaseUrl)) throw new Problem('INVALID_INPUT', 'The data lies in PostgreSQL already (REGWAY_DATABASE_URL).');
  // Whether there is one, before opening could make one.
  await (await openSnapshot({ url: databaseUrl, migrationsDir })).close();
  const ownership = claimOwnership(databaseUrl);
  try {
    return await withSnapshot(await migrated(databaseUrl), (source) => moveInto(source, url));
  } finally {
    ownership.release();
  }
}

/**
 * Gives every registry with no password, by account and text. A server may run.
 * @param account only its own; those of all when undefined.
 * @throws StoreRefused when there is no database, or its tables are of another version.
 */
export async function exportRegistries({ databaseUrl }: Config, account: string | undefined): Promise<Registry[]> {
  return await withSnapshot(await openSnapshot({ url: databaseUrl, migrationsDir }), async (snapshot) => {
    if ((await snapshot.missingMigrations()) > 0) throw new Problem('INVALID_INPUT', 'The tables are of an earlier version: start the server, which migrates them, and export then.');
    const registries: Registry[] = [];
    for await (const { registry } of snapshot.registries()) {
      if (account === undefined || registry.account === account) registries.push(registry);
    }
    return registries.toSorted((one, other) => compare(one.account, other.account) || compare(one.registry, other.registry));
  });
}

/** Brought to the tables of this version, which are those that PostgreSQL gets. */
async function migrated(databaseUrl: string): Promise<Snapshot> {
  await (await openStore({ url: databaseUrl, migrationsDir })).close();
  return await openSnapshot({ url: databaseUrl, migrationsDir });
}

async function moveInto(source: Snapshot, url: string): Promise<MovedTable[]> {
  const [complaint] = (await source.complaints()) ?? [];
  if (complaint !== undefined) throw new Problem('INVALID_INPUT', `The database is damaged, so nothing was moved: ${complaint}. Restore a backup first.`);
  const target = openPostgres(url);
  try {
    return await moveStore(source.database, target, join(migrationsDir, 'postgres'));
  } finally {
    await target.close();
  }
}

async function withSnapshot<Result>(snapshot: Snapshot, work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
  try {
    return await work(snapshot);
  } finally {
    await snapshot.close();
  }
}

function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
