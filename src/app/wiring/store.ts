// The data directory: its store, opened as the settings say, and the commands that work on it beside a server or before there is one.

import { randomUUID } from 'node:crypto';
import { issueToken, revokeToken } from '../../server/auth/authenticator.ts';
import type { Config } from '../config.ts';
import type { Role } from '../../core/authz/permissions.ts';
import type { StoredToken } from '../../core/ports.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { migrationsDir } from '../../places.ts';
import { openStore, type Store, type StoreOptions } from '../../database/store.ts';
import { makePrivateDirectory } from '../private-directory.ts';
import { checkKeys, openSeal } from './encryption.ts';

export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/**
 * Opens the store of these settings, for a moment unless it is `owned`, as the one server of a SQLite file does.
 * @throws ConfigRefused when the data directory cannot be made; KeyringRefused as `checkKeys`, and nothing was written then; otherwise as `openStore`.
 */
export async function openDataStore(config: Config, options: Pick<StoreOptions, 'owned' | 'log'> = {}): Promise<Store> {
  await makePrivateDirectory(config.dataDir, 'REGWAY_DATA_DIR');
  return openStore({ url: config.databaseUrl, migrationsDir, checkKeys: (keys) => checkKeys(config, keys), ...options });
}

/** Makes an API token on the data directory, whether or not a server runs on it. @throws Problem as `issueToken`. */
export async function createToken(config: Config, request: TokenRequest): Promise<Secret> {
  return await onData(config, async ({ access }) => (await issueToken({ access, now, ...request, actor: 'cli', requestId: randomUUID() })).text);
}

/** The tokens of one account, or of all, as they stand on the data directory. */
export async function listTokens(config: Config, account: string | undefined): Promise<StoredToken[]> {
  return await onData(config, ({ access }) => access.listTokens(account));
}

/** Ends a token on the data directory; a server that runs on it refuses the next request. @throws Problem as `revokeToken`. */
export async function revokeStoredToken(config: Config, id: string): Promise<StoredToken> {
  return await onData(config, ({ access }) => revokeToken({ access, now, id, actor: 'cli', requestId: randomUUID() }));
}

/**
 * Opens store and keys for one piece of work.
 * @param refuse may refuse the store before its keys are opened, which makes them where there are none.
 * @throws as `openDataStore` and `openSeal`, and what `refuse` throws.
 */
export async function onData<T>(config: Config, work: (store: Store) => Promise<T>, refuse: (store: Store) => Promise<void> = async () => undefined): Promise<T> {
  const store = await openDataStore(config);
  try {
    await refuse(store);
    await openSeal(config, store);
  } catch (error) {
    await store.abandon();
    throw error;
  }
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const now = (): Date => new Date();
