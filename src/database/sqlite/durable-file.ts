// Gives a finished file its name so that a crash leaves the old state or the new one, and a power cut undoes neither.

import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/** What link(2) fails with on a file system that has no second names, as some that backups are kept on. */
const noSecondNames: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'ENOSYS']);

/** Moves a file to another name in the same file system, over a file that may be there. */
export function moveDurably(from: string, to: string): void {
  sync(from);
  renameSync(from, to);
  sync(dirname(to));
}

/** As `moveDurably`, but only to a name that is free, and that stays free when it fails. @throws Error with the code EEXIST. */
export function moveDurablyToFreeName(from: string, to: string): void {
  sync(from);
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && noSecondNames.has(String(error.code)))) throw error;
    takeAndReplace(from, to);
  }
  sync(dirname(to));
}

/** In two steps: whoever is killed between them leaves an empty file. */
function takeAndReplace(from: string, to: string): void {
  closeSync(openSync(to, 'wx', 0o600));
  try {
    renameSync(from, to);
  } catch (error) {
    rmSync(to);
    throw error;
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
