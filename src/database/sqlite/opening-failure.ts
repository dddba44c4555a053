// Says why a SQLite file cannot be used at the start, and how to go on: a full disk, a directory that is not writable, a damaged file.

import { accessSync, constants, statfsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { StoreError } from '../errors.ts';

/** Bytes. A file system with less than this has no room for a page and its place in the log. */
const fullBelowBytes = 64 * 1_024;

/** Codes of SQLite about its file. https://sqlite.org/rescode.html */
const ofSqlite = /^SQLITE_(FULL|READONLY|IOERR|CORRUPT|NOTADB|CANTOPEN)/;
/** And of a system call, where it was made for the file. */
const ofSystemCall = /^E[A-Z0-9]+$/;

/** Findings of a check that a message repeats. */
const maxLines = 3;

/** Returns a StoreError for an error that opening the file caused, or the error itself if something else did. */
export async function openingFailure(error: unknown, path: string): Promise<unknown> {
  return await failureOf(error, path, [ofSqlite, ofSystemCall]);
}

/** As `openingFailure`, for an error of the start after that, whose system calls may be about another file, such as the keyring. */
export async function startingFailure(error: unknown, path: string): Promise<unknown> {
  return await failureOf(error, path, [ofSqlite]);
}

async function failureOf(error: unknown, path: string, codes: readonly RegExp[]): Promise<unknown> {
  const code = codeOf(error, codes);
  if (code === undefined) return error;
  const directory = dirname(path);
  if (/^(ENOSPC|EDQUOT|SQLITE_FULL)/.test(code) || (/IOERR/.test(code) && isFull(directory)))
    return new StoreError(
      `The disk of ${directory} is full (${code}), so Regway cannot write its database. Free space, or set REGWAY_DATA_DIR to a directory on another disk.`,
    );
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code))
    return new StoreError(
      `The database file ${path} is damaged (${code})${await damageOf(path)}. Stop every process that uses it, keep a copy, and restore the last good backup with "regway restore". "regway verify" lists all of the damage.`,
    );
  if (/^(EROFS|EACCES|EPERM|SQLITE_READONLY)/.test(code) || isReadOnly(directory))
    return new StoreError(
      `Regway cannot write to ${directory} (${code}): the directory, or its file ${basename(path)}, is read-only for user ${process.geteuid?.() ?? 'of this process'}. Mount it writable and let this user own it, or set REGWAY_DATA_DIR to another directory.`,
    );
  return new StoreError(
    `The database file ${path} cannot be opened or written (${code}). Check its path and its disk.`,
  );
}

function codeOf(error: unknown, codes: readonly RegExp[]): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at ? String(at.code) : '';
    if (codes.some((pattern) => pattern.test(code))) return code;
  }
  return undefined;
}

function isFull(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < fullBelowBytes;
  } catch {
    return false;
  }
}

function isReadOnly(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/** Names the damaged tables, with their pages in SQLite's words where it names them. */
async function damageOf(path: string): Promise<string> {
  const { default: Sqlite } = await import('better-sqlite3');
  try {
    const database = new Sqlite(path, { readonly: true });
    try {
      const tables = database.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all();
      const found = tables.flatMap((table) => damageOfTable(database, table)).slice(0, maxLines);
      return found.length === 0 ? '' : `: ${found.join('; ')}`;
    } finally {
      database.close();
    }
  } catch {
    return ': its first page, or the list of its tables, cannot be read';
  }
}

/** A check of all tables at once ends at the first page that it cannot read, and names none. */
function damageOfTable(database: Database, table: string): string[] {
  try {
    const lines = database.pragma(`quick_check('${table.replaceAll("'", "''")}')`) as { quick_check: string }[];
    const damage = lines.filter(({ quick_check: line }) => line !== 'ok');
    return damage.map(({ quick_check: line }) => `table ${table}: ${line.replaceAll(/\s+/g, ' ')}`);
  } catch {
    return [`table ${table} cannot be read`];
  }
}
