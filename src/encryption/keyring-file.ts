// Creates and replaces a small file of secrets atomically and durably, and finds the temporary files that a killed process left next to it.
// Written by hand, because no dependency syncs the file and its directory, and keeps the owner.

import { randomBytes } from 'node:crypto';
import { constants, link, open, readdir, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Only the owner may read. No one may write, because an edit in place can lose keys. */
const privateMode = 0o400;

/** The suffix of a temporary file, after the name of the file that it replaces. */
const temporarySuffix = /^\.[0-9a-f]{16}\.tmp$/;

type Owner = Pick<Awaited<ReturnType<typeof stat>>, 'uid' | 'gid'>;

/** Replaces an existing file atomically; the new one survives a power cut when this resolves, and has the same owner. */
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

/** Creates the file atomically unless it exists: link(2) fails for an existing name, so one of several processes wins. */
export async function createDurably(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeDurably(temporary, text);
    await linkUnlessTaken(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  // Also in a process that lost: what it seals from now on requires this name to survive a power cut.
  await syncDirectory(dirname(path));
}

/** Returns the temporary files of running and killed processes that replace this file. Empty if the directory cannot be read. */
export async function temporariesOf(path: string): Promise<string[]> {
  const file = await realpath(path);
  const names = await readdir(dirname(file)).catch(() => []);
  const name = basename(file);
  return names
    .filter((other) => other.startsWith(name) && temporarySuffix.test(other.slice(name.length)))
    .map((other) => join(dirname(file), other));
}

/** Opens the file and closes it after `use`. Only the owner can read a file that this creates. @param flags those of open(2). */
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
    // The umask may have removed the owner's right to read.
    await file.chmod(privateMode);
    if (owner !== undefined) await keepOwner(file, owner);
    await file.writeFile(text);
    await file.sync();
  });
}

/** A file that root writes for the server of another user must belong to that user, or the server can no longer read it. */
async function keepOwner(file: FileHandle, { uid, gid }: Owner): Promise<void> {
  const own = await file.stat();
  if (process.geteuid?.() === 0 && (own.uid !== uid || own.gid !== gid)) await file.chown(Number(uid), Number(gid));
}

async function linkUnlessTaken(existing: string, name: string): Promise<void> {
  try {
    await link(existing, name);
  } catch (error) {
    // ENOENT: a process that started later, with the winner's file, removed this temporary file as a leftover.
    if (!(error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOENT')))
      throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await withFile(path, constants.O_RDONLY, (directory) => directory.sync());
}
