// Backs up the embedded database next to a running server, and restores it where none runs.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Problem } from '../../core/shared/problem.ts';
import { noProgress, type Progress } from '../../core/shared/progress.ts';
import { StoreError, translateFailure } from '../errors.ts';
import { createOwnedFile, moveDurably, moveDurablyToFreeName } from './files.ts';
import { findViolations, isDamage, openToRead } from './snapshot.ts';

export interface BackupSummary {
  readonly bytes: number;
  readonly registries: number;
  /** The root keys without which its passwords cannot be read; a keyring shows the ids of its keys. */
  readonly rootKeyIds: readonly string[];
}

export interface BackupOptions {
  /** Whether to replace a file that already exists. */
  readonly overwrite: boolean;
  readonly progress?: Progress | undefined;
}

/**
 * Copies one moment of a database to a file that only its owner can read. It contains every write that was acknowledged before the call.
 * A server may write at the same time.
 * @throws StoreError if `source` is no database; Problem `ALREADY_EXISTS`, or `INVALID_INPUT` if the file cannot be written.
 */
export function backUp(
  source: string,
  target: string,
  { overwrite, progress = noProgress }: BackupOptions,
): BackupSummary {
  if (!overwrite && existsSync(target)) throw alreadyThere(target);
  const temporary = `${target}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    closeSync(openSync(temporary, 'wx', 0o600));
    progress('Copying the database');
    copyMoment(source, temporary);
    progress('Verifying the copy');
    const facts = inspect(temporary);
    (overwrite ? moveDurably : moveDurablyToFreeName)(temporary, target);
    return facts;
  } catch (error) {
    throw refusal(error, target);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** A copy of a backup to be verified, in its own directory. */
export interface StagedRestore extends Disposable {
  readonly path: string;
}

/**
 * Copies a backup next to the database that it will replace, so that the verified bytes are the ones that are used. If root copies it, the
 * copy gets the owner of that database, or else of its directory.
 * @throws Problem `INVALID_INPUT` if it does not exist, cannot be read or get that owner, or has a log next to it, as a copied live database has.
 */
export function stageRestore(backup: string, database: string): StagedRestore {
  if ((statSync(`${backup}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new Problem(
      'INVALID_INPUT',
      `${backup} has a log (-wal) next to it, so it is a live database and not a backup. Create one with "regway backup".`,
    );
  }
  const directory = mkdtempSync(join(dirname(database), '.restore-'));
  const staged = {
    path: join(directory, basename(database)),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
  try {
    // A copy gets mode and owner of what was copied.
    createOwnedFile(staged.path, existsSync(database) ? database : dirname(database), () =>
      copyFileSync(backup, staged.path),
    );
    return staged;
  } catch (error) {
    staged[Symbol.dispose]();
    const code = codeOf(error);
    const complaint =
      code === 'EPERM' ? `copied for the user of ${database} (EPERM); restore it as that user` : `read (${code})`;
    throw new Problem('INVALID_INPUT', `The backup ${backup} cannot be ${complaint}.`);
  }
}

/** Returns whether a database exists that a restore would replace. */
export function holdsData(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/**
 * Replaces a database, which no process may have open, with a verified one. The replaced one is kept under another name.
 * @returns That name, or undefined if there was no database.
 */
export function replaceDatabase(path: string, staged: string, now: Date): string | undefined {
  const aside = holdsData(path) ? `${path}.replaced-${now.toISOString().replaceAll(/[:.]/g, '-')}` : undefined;
  // Links the second name first: a server that starts at any moment finds a database instead of creating an empty one, and if that fails, nothing has changed.
  if (aside !== undefined) {
    linkSync(path, aside);
    foldLog(path);
  }
  // Next to the new file, the old log would be replayed into it.
  for (const suffix of ['-wal', '-shm']) {
    if (aside === undefined) rmSync(path + suffix, { force: true });
    else if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  moveDurably(staged, path);
  return aside;
}

/** Moves the log into the file: if the process ended right before the replacement, a database without its log would lose writes. */
function foldLog(path: string): void {
  try {
    // An unreadable database stays as it is; a writing connection would move the log into it when it closes.
    openToRead(path).close();
    const connection = new Sqlite(path);
    try {
      connection.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      connection.close();
    }
  } catch {
    // A damaged database is often the reason for its replacement.
  }
}

function copyMoment(source: string, target: string): void {
  const connection = openToRead(source);
  try {
    // Contains every write that was acknowledged by now, without the space of deleted rows.
    connection.prepare('VACUUM INTO ?').run(target);
  } finally {
    connection.close();
  }
}

function inspect(path: string): BackupSummary {
  const connection = openToRead(path);
  try {
    const [complaint] = findViolations(connection);
    if (complaint !== undefined) throw damaged(complaint);
    const table = connection.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'registry'`).get();
    if (table === undefined) throw new StoreError('This is not a Regway database, so no backup was made.');
    return {
      bytes: statSync(path).size,
      registries: Number(connection.prepare('SELECT count(*) FROM registry').pluck().get()),
      rootKeyIds: connection
        .prepare('SELECT DISTINCT root_key_id FROM data_key ORDER BY root_key_id')
        .pluck()
        .all() as string[],
    };
  } finally {
    connection.close();
  }
}

function refusal(error: unknown, target: string): Error {
  if (isDamage(error)) return damaged(error.code);
  const code = codeOf(error);
  if (code === 'EEXIST') return alreadyThere(target);
  if (/^(E[A-Z]+|SQLITE_(FULL|IOERR|CANTOPEN).*)$/.test(code))
    return new Problem('INVALID_INPUT', `The backup cannot be written to ${target} (${code}).`);
  return translateFailure(error);
}

function damaged(complaint: string): StoreError {
  return new StoreError(`The database is damaged, so no backup was made: ${complaint}. Run "regway verify".`);
}

function alreadyThere(target: string): Problem {
  return new Problem('ALREADY_EXISTS', `${target} already exists. Choose another name, or pass --force to replace it.`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
