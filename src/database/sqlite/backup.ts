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
 * Writes one moment of a database to a file of its own, readable by its owner alone. It holds every write that was acknowledged before the call.
 * A server may go on writing meanwhile.
 * @throws StoreError when there is no database at `source`; Problem `ALREADY_EXISTS`, or `INVALID_INPUT` when the file cannot be written.
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

/** What `stage` made: a copy to be checked, in a directory of its own. */
export interface StagedRestore extends Disposable {
  readonly path: string;
}

/**
 * Copies a backup beside the database that it is to replace, so that what is checked is what is put in place. Root gives the copy to the user of
 * that database, or else of its directory.
 * @throws Problem `INVALID_INPUT` when it is not there, cannot be read or given to that user, or has a log beside it as a copied live database has.
 */
export function stageRestore(backup: string, database: string): StagedRestore {
  if ((statSync(`${backup}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new Problem(
      'INVALID_INPUT',
      `${backup} has a log (-wal) beside it, so it is a live database and no backup. Take one with "regway backup".`,
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

/** Whether there is a database to be lost. */
export function holdsData(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/**
 * Puts a checked database in the place of another, which nothing may have open. What was there is kept under another name.
 * @returns the name that it was given; undefined when there was nothing.
 */
export function replaceDatabase(path: string, staged: string, now: Date): string | undefined {
  const aside = holdsData(path) ? `${path}.replaced-${now.toISOString().replaceAll(/[:.]/g, '-')}` : undefined;
  // A second name first: at no moment is there no database, in whose place a server would make an empty one. And where that fails, all is as it was.
  if (aside !== undefined) {
    linkSync(path, aside);
    foldLog(path);
  }
  // Beside the new file the log would be replayed into it.
  for (const suffix of ['-wal', '-shm']) {
    if (aside === undefined) rmSync(path + suffix, { force: true });
    else if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  moveDurably(staged, path);
  return aside;
}

/** Takes the log into the file: a database that loses it by an end right before its replacement would lose writes. */
function foldLog(path: string): void {
  try {
    // One that cannot be read keeps both as they are; a connection that may write would take the log into it at its end.
    openToRead(path).close();
    const connection = new Sqlite(path);
    try {
      connection.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      connection.close();
    }
  } catch {
    // What is wrong with it is no reason against its replacement, but often the reason for it.
  }
}

function copyMoment(source: string, target: string): void {
  const connection = openToRead(source);
  try {
    // It sees every write that was acknowledged by now, and takes no space of deleted rows along.
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
  return new Problem('ALREADY_EXISTS', `${target} is there already. Give another name, or --force to replace it.`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
