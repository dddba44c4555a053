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
 * Creates a file that only its owner can read. If root creates it, it gets the user and group of `model`.
 * @param model An existing file or directory.
 * @param fill Writes to the file, before its owner is changed.
 * @throws Error with the code EEXIST if the file exists, and is not changed; EPERM if the owner cannot be changed, and no file is created.
 */
export function createOwnedFile(path: string, model: string, fill: () => void = () => undefined): void {
  // A new file, by its descriptor: through a link that replaced it, another user would get the target of the link.
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

/** Codes of link(2) on a file system without hard links, such as some that store backups. */
const noSecondNames: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'ENOSYS']);

/** Moves a file to another name in the same file system, and replaces an existing file. */
export function moveDurably(from: string, to: string): void {
  sync(from);
  renameSync(from, to);
  sync(dirname(to));
}

/** As `moveDurably`, but only to a free name, which stays free if the move fails. @throws Error with the code EEXIST. */
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
