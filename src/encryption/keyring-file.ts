// A small file of secrets that is made and replaced whole and lastingly, and what a kill meanwhile leaves beside it.

import { randomBytes } from 'node:crypto';
import { constants, link, open, readdir, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Only the owner may read; nobody may write, because editing it in place is how keys get lost. */
const privateMode = 0o400;

/** What is added to the name of a file for the one that is to take its place. */
const temporarySuffix = /^\.[0-9a-f]{16}\.tmp$/;

type Owner = Pick<Awaited<ReturnType<typeof stat>>, 'uid' | 'gid'>;

/** Replaces a file that is there: whole or not at all, and lasting when this ends. The new one belongs to whom the old one did. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeDurably(temporary, text, await stat(path));
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Makes the file whole or not at all, unless it is there: link(2) refuses an existing name, so of several processes one wins. */
export async function createDurably(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeDurably(temporary, text);
    await linkUnlessTaken(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  // Winner or not: what is sealed from here on needs this name to survive a power cut.
  await syncDirectory(dirname(path));
}

/** The files that others are writing, or were when they were killed, to take the place of this one. None where the directory cannot be read. */
export async function temporariesOf(path: string): Promise<string[]> {
  const file = await realpath(path);
  const names = await readdir(dirname(file)).catch(() => []);
  const name = basename(file);
  return names
    .filter((other) => other.startsWith(name) && temporarySuffix.test(other.slice(name.length)))
    .map((other) => join(dirname(file), other));
}

/** Opens the file, for the owner alone where that makes it, and closes it in the end. @param flags those of open(2). */
export async function withFile<T>(path: string, flags: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, privateMode);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

function temporaryName(path: string): string {
  return `${path}.${randomBytes(8).toString('hex')}.tmp`;
}

async function writeDurably(path: string, text: string, owner?: Owner): Promise<void> {
  await withFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, async (file) => {
    // The umask may have taken the owner's own right to read.
    await file.chmod(privateMode);
    if (owner !== undefined) await giveTo(file, owner);
    await file.writeFile(text);
    await file.sync();
  });
}

/** What root writes beside a server of another user must be that user's, or the server reads it no more. */
async function giveTo(file: FileHandle, { uid, gid }: Owner): Promise<void> {
  const own = await file.stat();
  if (process.geteuid?.() === 0 && (own.uid !== uid || own.gid !== gid)) await file.chown(Number(uid), Number(gid));
}

async function linkUnlessTaken(existing: string, name: string): Promise<void> {
  try {
    await link(existing, name);
  } catch (error) {
    // The second: somebody who started later, with the file of the winner, took ours for a leftover.
    if (!(error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOENT')))
      throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await withFile(path, constants.O_RDONLY, (directory) => directory.sync());
}
