// Backup and restore of the data directory's database.

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Problem } from '../../core/shared/problem.ts';
import { isPostgres } from '../../database/database.ts';
import { StoreError } from '../../database/errors.ts';
import { backUp, type BackupFacts, holdsData, replaceDatabase, stageRestore } from '../../database/sqlite/backup.ts';
import { acquireServerLock } from '../../database/sqlite/server-lock.ts';
import { openStore } from '../../database/store.ts';
import type { Config } from '../config.ts';
import { makePrivateDirectory, migrationsDir } from '../paths.ts';
import { withSnapshot } from './snapshot.ts';
import { type Check, verify } from './verify.ts';

export interface Backup extends BackupFacts {
  /** Where it was written. */
  readonly file: string;
  /** What it is worth nothing without. */
  readonly keyringFile: string;
}

export interface Restoration {
  readonly restored: boolean;
  /** What was found in the backup. */
  readonly checks: readonly Check[];
  /** Where the database that was there before is now. */
  readonly aside: string | undefined;
}

/** Without these a server could not start on it, or not read it. */
const needed: readonly Check['name'][] = ['database', 'schema', 'keys'];

/** Backs the database up, whether or not a server runs on it. @throws Problem and StoreError as `backUp`, and on PostgreSQL. */
export async function backUpData(config: Config, file: string, overwrite: boolean): Promise<Backup> {
  const database = embeddedDatabase(
    config,
    'Back it up with pg_dump, whose copy is of one moment too (pg_dump --format=custom), and keep the keyring apart from it.',
  );
  const target = resolve(file);
  return { ...backUp(database, target, { overwrite }), file: target, keyringFile: config.keyringFile };
}

/**
 * Puts a backup in the place of the database, once it was verified with the keyring that is there. An older one is migrated first.
 * @param force whether a database that is there is put aside.
 * @throws StoreError while a server runs on it; Problem when there is a database already, or the file is no backup.
 */
export async function restoreData(config: Config, file: string, force: boolean): Promise<Restoration> {
  const database = embeddedDatabase(config, 'Restore it with pg_restore.');
  await makePrivateDirectory(config.dataDir, 'REGWAY_DATA_DIR');
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const ownership = acquireServerLock(database);
  try {
    if (holdsData(database) && !force)
      throw new Problem(
        'ALREADY_EXISTS',
        `There is a database already at ${database}. With --force it is put aside, not deleted.`,
      );
    using staged = stageRestore(resolve(file), database);
    const checks = await checkStaged(config, staged.path);
    if (checks.some(({ name, state }) => state === 'FAILED' && needed.includes(name)))
      return { restored: false, checks, aside: undefined };
    return { restored: true, checks, aside: replaceDatabase(database, staged.path, new Date()) };
  } finally {
    ownership.release();
  }
}

/** The file itself is looked at before a migration could hide what is wrong with it. */
async function checkStaged(config: Config, path: string): Promise<Check[]> {
  try {
    const complaints = await complaintsOf(path);
    if (complaints.length > 0) return [{ name: 'database', state: 'FAILED', message: complaints.join('; ') }];
    // Migrates an older one.
    await (await openStore({ url: path, migrationsDir })).close();
  } catch (error) {
    if (error instanceof StoreError) return [{ name: 'schema', state: 'FAILED', message: error.message }];
    throw error;
  }
  return await verify(config, path);
}

async function complaintsOf(path: string): Promise<string[]> {
  return await withSnapshot(path, async (snapshot) => {
    const complaints = (await snapshot.complaints()) ?? [];
    // Throws for a database of something else, to which the tables would only be added.
    if (complaints.length === 0) await snapshot.missingMigrations();
    return complaints;
  });
}

/** @param instead what to do about another database. @throws Problem `INVALID_INPUT` when it is not the embedded one. */
function embeddedDatabase({ databaseUrl }: Config, instead: string): string {
  if (isPostgres(databaseUrl))
    throw new Problem(
      'INVALID_INPUT',
      `The data lies in PostgreSQL (REGWAY_DATABASE_URL), which has its own tools. ${instead}`,
    );
  // Where it is a link, the file behind it is the one to copy and to replace.
  return existsSync(databaseUrl) ? realpathSync(databaseUrl) : databaseUrl;
}
