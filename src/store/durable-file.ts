// Gives a finished file its name so that a crash leaves the old state or the new one, and a power cut undoes neither.

import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';

/** Moves a file to another name in the same file system, over a file that may be there. */
export function moveDurably(from: string, to: string): void {
  sync(from);
  renameSync(from, to);
  sync(dirname(to));
}

/** As `moveDurably`, but only to a name that is free. @throws Error with the code EEXIST. */
export function moveDurablyToFreeName(from: string, to: string): void {
  // Taken first, and then written over: link(2), which does both, is missing from file systems that backups are kept on.
  closeSync(openSync(to, 'wx', 0o600));
  moveDurably(from, to);
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
