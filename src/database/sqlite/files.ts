// Creates private files next to those of a server that may run as another user: what root creates there must belong to that user.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';

const privateMode = 0o600;

/**
 * Makes a file that only its owner may read: made by root, it gets the user and group of `model`.
 * @param model a file or directory that is there.
 * @param fill writes to it, before it is given away.
 * @throws Error with the code EEXIST when there is one already, which is left as it is; EPERM when it cannot be given away, and none is made.
 */
export function createOwnedFile(path: string, model: string, fill: () => void = () => undefined): void {
  // A new one, by its descriptor: through a link that replaced it, another user would get the file that the link leads to.
  const file = openSync(path, 'wx', privateMode);
  try {
    fill();
    fchmodSync(file, privateMode);
    const [own, { uid, gid }] = [fstatSync(file), statSync(model)];
    if (process.geteuid?.() === 0 && (own.uid !== uid || own.gid !== gid)) fchownSync(file, uid, gid);
  } catch (error) {
    rmSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

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

/** In two steps: a process that is killed between them leaves an empty file. */
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
