// The data directory: its store, opened as the settings say, and the commands that work on it beside a server or before there is one.

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { issueToken, revokeToken } from '../auth/token.ts';
import { ConfigRefused, type Config } from '../config.ts';
import type { Role } from '../core/access.ts';
import type { StoredToken } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { migrationsDir } from '../places.ts';
import { openStore, type Store, type StoreOptions } from '../store/store.ts';


export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/**
 * Opens the store of these settings, for a moment unless it is `owned`, as the one server of a SQLite file does.
 * @throws ConfigRefused when the data directory cannot be made; otherwise as `openStore`.
 */
export async function openDataStore(config: Config, options: Pick<StoreOptions, 'owned' | 'log'> = {}): Promise<Store> {
  await makePrivateDirectory(config.dataDir, 'REGWAY_DATA_DIR');
  return openStore({ url: config.databaseUrl, migrationsDir, ...options });
}

/**
 * Makes a directory that only its owner can enter, unless it is there.
 * @throws ConfigRefused naming the setting.
 */
export async function makePrivateDirectory(path: string, setting: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new ConfigRefused([`${setting} names a directory that cannot be made (${code}): ${path}.`]);
  }
}

/** Makes an API token on the data directory, whether or not a server runs on it. @throws Problem as `issueToken`. */
export async function createToken(config: Config, request: TokenRequest): Promise<Secret> {
  const store = await openDataStore(config);
  try {
    return await issueToken({ access: store.access, now, ...request, actor: 'cli', requestId: randomUUID() });
  } finally {
    await store.close();
  }
}

/** The tokens of one account, or of all, as they stand on the data directory. */
export async function listTokens(config: Config, account: string | undefined): Promise<StoredToken[]> {
  const store = await openDataStore(config);
  try {
    return await store.access.listTokens(account);
  } finally {
    await store.close();
  }
}

/** Ends a token on the data directory; a server that runs on it refuses the next request. @throws Problem as `revokeToken`. */
export async function revokeStoredToken(config: Config, id: string): Promise<StoredToken> {
  const store = await openDataStore(config);
  try {
    return await revokeToken({ access: store.access, now, id, actor: 'cli', requestId: randomUUID() });
  } finally {
    await store.close();
  }
}

const now = (): Date => new Date();
