// Reads, creates, and replaces the keyring: the file of root keys outside the database, without which no stored password can be decrypted.

import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, realpath } from 'node:fs/promises';
import { createDurably, replaceDurably, withFile } from './keyring-file.ts';

export interface RootKey {
  /** 16 hex digits, which the operator can compute from the key (see `rootKeyId`). */
  readonly id: string;
  readonly key: KeyObject;
}

export interface Keyring {
  /** The path of its file, for messages. */
  readonly path: string;
  /** The first key of the file: the one that wraps new data keys. */
  readonly sealing: RootKey;
  /** Every key of the file, `sealing` first. The others only unwrap. */
  readonly keys: readonly RootKey[];
}

/** The keys do not fit, so Regway refuses to start and exits with status 78. The message names the file and the fix, never a key. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';

  /** @param complaint continues the sentence "The keyring file <path> …". */
  constructor(path: string, complaint: string, cause?: unknown) {
    super(`The keyring file ${path} ${complaint}`, cause === undefined ? undefined : { cause });
  }
}

const keyBytes = 32;

/** A thousand keys with comments fit. A larger file is not a keyring, and is not read into memory. */
const maxKeyringBytes = 64 * 1024;

const keyPrefix = 'rgk1:';

const header = `# Root keys of Regway. Anyone with this file and the database can read every stored password; without it, no one can.
# Keep a copy apart from the database and its backups. The first key seals; the others only open.
`;

/**
 * Reads the keyring, or creates one with a new key. If several processes do so at once, all return the same keys.
 * @param options.createIfMissing true only while the database contains nothing sealed (`holdsNothingSealed`): a new key opens nothing old.
 * @throws KeyringError if the file is missing (and may not be created), readable by others, or not a keyring.
 */
export async function loadKeyring(path: string, options: { readonly createIfMissing: boolean }): Promise<Keyring> {
  let text = await readKeyringFile(path);
  if (text === undefined && options.createIfMissing) {
    await createKeyringFile(path);
    text = await readKeyringFile(path);
  }
  if (text === undefined) {
    throw new KeyringError(
      path,
      'does not exist, but the database was sealed with one. Restore it from its copy, or point REGWAY_KEYRING_FILE at it.',
    );
  }
  return parseKeyring(text, path);
}

/**
 * Reads the keyring and passes it to `read`, which reads what its keys wrap. If a rotation of the root key ends between the two, only
 * the new file opens what `read` finds, so after a KeyringError both are read once more.
 * @throws as `loadKeyring`, and what `read` throws.
 */
export async function openKeyring<Result>(
  path: string,
  read: (keyring: Keyring) => Promise<Result>,
  { createIfMissing } = { createIfMissing: false },
): Promise<Result> {
  const keyring = await loadKeyring(path, { createIfMissing });
  try {
    return await read(keyring);
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    return await read(await loadKeyring(path, { createIfMissing: false }));
  }
}

/**
 * Parses the text of a keyring: one `rgk1:<base64 of 32 bytes>` a line, blank lines, and comments from `#`.
 * @param path names the file in messages.
 * @throws KeyringError for any other line, a repeated key, or no key.
 */
export function parseKeyring(text: string, path: string): Keyring {
  const keys = new Map<string, RootKey>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) {
      continue;
    }
    const key = parseKeyLine(line, index + 1, path);
    const id = rootKeyId(key);
    if (keys.has(id)) {
      throw new KeyringError(path, `has the key ${id} twice, the second time on line ${index + 1}. Delete that line.`);
    }
    keys.set(id, { id, key });
  }
  const [sealing] = keys.values();
  if (sealing === undefined) {
    throw new KeyringError(
      path,
      'contains no key. Restore it from its copy. On a new installation, delete it, and the next start creates one.',
    );
  }
  return { path, sealing, keys: [...keys.values()] };
}

/** Returns the text of a keyring file, with the sealing key first. */
export function printKeyring(keys: readonly KeyObject[]): string {
  return header + keys.map((key) => `${keyPrefix}${key.export().toString('base64')}\n`).join('');
}

/**
 * Replaces the file atomically by one with these keys, the sealing key first. It survives a power cut when this resolves.
 * @throws KeyringError if it cannot be replaced, such as on a read-only mount; the file is unchanged then.
 */
export async function replaceKeyring(path: string, keys: readonly RootKey[]): Promise<Keyring> {
  const text = printKeyring(keys.map(({ key }) => key));
  try {
    // If the name is a symbolic link, its target is the keyring.
    const file = await realpath(path);
    await replaceDurably(file, text);
  } catch (error) {
    throw new KeyringError(
      path,
      `cannot be replaced (${errorCode(error)}), and nothing was changed. Make its directory writable, or insert a new key as its first line yourself ("${keyPrefix}" and the output of "openssl rand -base64 32"), keep the old lines below it, and run the command again.`,
      error,
    );
  }
  return parseKeyring(text, path);
}

/** Creates a root key. */
export function createRootKey(): RootKey {
  const key = createSecretKey(randomBytes(keyBytes));
  return { id: rootKeyId(key), key };
}

/** Names a root key without revealing it: the first 8 bytes of HMAC-SHA256(key, "regway/root-key-id"), in hex. */
export function rootKeyId(key: KeyObject): string {
  return createHmac('sha256', key).update('regway/root-key-id').digest('hex').slice(0, 16);
}

function parseKeyLine(line: string, lineNumber: number, path: string): KeyObject {
  if (!line.startsWith(keyPrefix)) {
    throw new KeyringError(
      path,
      `has an unknown line ${lineNumber}: expected "${keyPrefix}<key>", a comment that starts with "#", or nothing.`,
    );
  }
  const encoded = line.slice(keyPrefix.length);
  const bytes = Buffer.from(encoded, 'base64');
  // Node's decoder skips unknown characters, so only text that encodes back to itself is a key.
  if (bytes.length !== keyBytes || bytes.toString('base64') !== encoded) {
    throw new KeyringError(
      path,
      `has no key of ${keyBytes} bytes in base64 on line ${lineNumber}. Restore the line from its copy, complete and without spaces.`,
    );
  }
  return createSecretKey(bytes);
}

async function readKeyringFile(path: string): Promise<string | undefined> {
  try {
    // Non-blocking, so that a named pipe in its place is rejected below instead of blocking startup.
    return await withFile(path, constants.O_RDONLY | constants.O_NONBLOCK, async (file) => {
      refuseUnsafe(path, await file.stat());
      return await file.readFile('utf8');
    });
  } catch (error) {
    if (error instanceof KeyringError) {
      throw error;
    }
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw new KeyringError(
      path,
      `cannot be read (${errorCode(error)}). Make it readable by the user that runs Regway, and by no one else.`,
      error,
    );
  }
}

function refuseUnsafe(path: string, file: Stats): void {
  if (!file.isFile()) {
    throw new KeyringError(path, 'is not a regular file. Point REGWAY_KEYRING_FILE at the file of root keys.');
  }
  if (!isPrivate(file, ownGroups())) {
    const mode = (file.mode & 0o777).toString(8).padStart(4, '0');
    throw new KeyringError(
      path,
      `is open to other users (mode ${mode}). Run "chmod 0400" on it, or let root own it with mode 0440 and a group of the server's user, as Kubernetes does with fsGroup and defaultMode 0440. Replace the key if anyone else may have read it.`,
    );
  }
  if (file.size > maxKeyringBytes) {
    throw new KeyringError(
      path,
      `is larger than ${maxKeyringBytes} bytes, so it is not a keyring. Point REGWAY_KEYRING_FILE at the right file.`,
    );
  }
}

/**
 * Returns whether the server's user and root alone can read the file, by the rule that PostgreSQL has for its key file: nobody but the owner,
 * or, if root owns it, also a group of the server's user. A secret that Kubernetes mounts with fsGroup is such a file.
 * @param groups the numeric IDs of the groups of the server's user.
 */
export function isPrivate({ mode, uid, gid }: Pick<Stats, 'mode' | 'uid' | 'gid'>, groups: readonly number[]): boolean {
  return (mode & 0o077) === 0 || (uid === 0 && (mode & 0o037) === 0 && groups.includes(gid));
}

function ownGroups(): number[] {
  return [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])];
}

async function createKeyringFile(path: string): Promise<void> {
  try {
    await createDurably(path, printKeyring([createRootKey().key]));
  } catch (error) {
    throw new KeyringError(
      path,
      `cannot be created (${errorCode(error)}). Make its directory writable, or write the file yourself: one line, "${keyPrefix}" and the output of "openssl rand -base64 32", mode 0400.`,
      error,
    );
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
