// Backs up and restores the embedded database of the data directory.

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Problem } from '../../core/shared/problem.ts';
import { noProgress, type Progress } from '../../core/shared/progress.ts';
import { isPostgres } from '../../database/database.ts';
import { StoreError } from '../../database/errors.ts';
import { backUp, type BackupSummary, holdsData, replaceDatabase, stageRestore } from '../../database/sqlite/backup.ts';
import { acquireServerLock } from '../../database/sqlite/server-lock.ts';
import { openStore } from '../../database/store.ts';
import type { Config } from '../config.ts';
import { makePrivateDirectory, migrationsDir } from '../paths.ts';
import { withSnapshot } from './snapshot.ts';
import { type Check, verify } from './verify.ts';

/** The result of a backup. */
export interface Backup extends BackupSummary {
  /** The absolute path of the backup. */
  readonly file: string;
  /** The keyring, without which the backup cannot be decrypted. */
  readonly keyringFile: string;
}

/** The result of a restore. */
export interface Restoration {
  readonly restored: boolean;
  /** The checks of the backup. */
  readonly checks: readonly Check[];
  /** The new path of the previous database; undefined if none existed. */
  readonly aside: string | undefined;
}

/** The checks that a backup must pass, because no server could start on it or read it otherwise. */
const requiredChecks: readonly Check['name'][] = ['database', 'schema', 'keys'];

/** Backs up the database; a server may be running on it. @throws Problem and StoreError like `backUp`; Problem on PostgreSQL. */
export async function backUpData(
  config: Config,
  file: string,
  overwrite: boolean,
  progress: Progress = noProgress,
): Promise<Backup> {
  const database = embeddedDatabase(
    config,
    'Back it up with pg_dump --format=custom, which makes a consistent copy too, and store the keyring separately.',
  );
  const target = resolve(file);
  return { ...backUp(database, target, { overwrite, progress }), file: target, keyringFile: config.keyringFile };
}

/**
 * Replaces the database with a backup that was verified with the current keyring. Migrates an older backup first.
 * @param force whether an existing database may be replaced; it is kept under another name.
 * @throws StoreError if a server is running on the database; Problem if a database exists, or the file is not a backup.
 */
export async function restoreData(
  config: Config,
  file: string,
  force: boolean,
  progress: Progress = noProgress,
): Promise<Restoration> {
  const database = embeddedDatabase(config, 'Restore it with pg_restore.');
  await makePrivateDirectory(config.dataDir, 'REGWAY_DATA_DIR');
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const lock = acquireServerLock(database);
  try {
    if (holdsData(database) && !force)
      throw new Problem(
        'ALREADY_EXISTS',
        `A database already exists at ${database}. Pass --force to keep it under another name and restore the backup.`,
      );
    progress('Copying the backup');
    using staged = stageRestore(resolve(file), database);
    const checks = await checkStaged(config, staged.path, progress);
    if (checks.some(({ name, state }) => state === 'FAILED' && requiredChecks.includes(name)))
      return { restored: false, checks, aside: undefined };
    return { restored: true, checks, aside: replaceDatabase(database, staged.path, new Date()) };
  } finally {
    lock.release();
  }
}

/** Verifies a staged backup. Checks the file before migrating it, because a migration could hide damage. */
async function checkStaged(config: Config, path: string, progress: Progress): Promise<Check[]> {
  progress('Verifying the file');
  try {
    const violations = await findViolations(path);
    if (violations.length > 0) return [{ name: 'database', state: 'FAILED', message: violations.join('; ') }];
    // Opening migrates an older database.
    await (await openStore({ url: path, migrationsDir })).close();
  } catch (error) {
    if (error instanceof StoreError) return [{ name: 'schema', state: 'FAILED', message: error.message }];
    throw error;
  }
  return await verify(config, path, progress);
}

async function findViolations(path: string): Promise<string[]> {
  return await withSnapshot(path, async (snapshot) => {
    const violations = (await snapshot.findViolations()) ?? [];
    // Throws for a database of another program, to which a migration would only add tables.
    if (violations.length === 0) await snapshot.missingMigrations();
    return violations;
  });
}

/** Returns the path of the embedded database. @param instead the advice for PostgreSQL. @throws Problem `INVALID_INPUT` on PostgreSQL. */
function embeddedDatabase({ databaseUrl }: Config, instead: string): string {
  if (isPostgres(databaseUrl))
    throw new Problem(
      'INVALID_INPUT',
      `The data is stored in PostgreSQL (REGWAY_DATABASE_URL), which has its own tools. ${instead}`,
    );
  // If the path is a symbolic link, its target is the file to copy and to replace.
  return existsSync(databaseUrl) ? realpathSync(databaseUrl) : databaseUrl;
}
