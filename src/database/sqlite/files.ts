// Makes a private file beside a server that may run as another user: what root makes there must be that user's.

import { closeSync, fchmodSync, fchownSync, fstatSync, openSync, rmSync, statSync } from 'node:fs';

const privateMode = 0o600;

/**
 * Makes a file that only its owner may read: made by root, it gets the user and group of `model`.
 * @param model a file or directory that is there.
 * @param fill writes to it, before it is given away.
 * @throws Error with the code EEXIST when there is one already, which is left as it is; EPERM when it cannot be given away, and none is made.
 */
export function createOwnedFile(path: string, model: string, fill: () => void = () => undefined): void {
  // A new one, by its descriptor: a link that somebody put in its place would give them the file that it leads to.
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
