// Opens the store of the data directory, for the server and for the commands that work on it directly.

import { explainingFailure, openStore, type Store, type StoreOptions } from '../../database/store.ts';
import type { Config } from '../config.ts';
import { makePrivateDirectory, migrationsDir } from '../paths.ts';
import { checkKeys, openSeal } from './encryption.ts';

/**
 * Opens the store of the settings. The server opens it as `owned`, which locks a SQLite file against other servers.
 * @throws ConfigError if the data directory cannot be created; KeyringError like `checkKeys`, and nothing was written then; otherwise like `openStore`.
 */
export async function openDataStore(
  config: Config,
  options: Pick<StoreOptions, 'owned' | 'log' | 'checkEveryMs' | 'onDeath' | 'onGivenUp'> = {},
): Promise<Store> {
  await makePrivateDirectory(config.dataDir, 'REGWAY_DATA_DIR');
  return openStore({
    url: config.databaseUrl,
    listenUrl: config.databaseListenUrl,
    migrationsDir,
    checkKeys: (keys) => checkKeys(config, keys),
    ...options,
  });
}

/**
 * Opens the store and the keys, runs `work`, and closes the store.
 * @param check may reject the store by throwing, before its keys are opened or created.
 * @throws like `openDataStore` and `openSeal`, DatabaseAwayError with the host if the database cannot be reached, and the errors of `check` and `work`.
 */
export async function onData<T>(
  config: Config,
  work: (store: Store) => Promise<T>,
  check: (store: Store) => Promise<void> = async () => undefined,
): Promise<T> {
  const store = await explainingFailure(config.databaseUrl, () => openDataStore(config));
  try {
    await check(store);
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

/** Returns the current time. */
export const now = (): Date => new Date();
