// The data directory: its store, opened as the settings say, and the commands that work on it beside a server or before there is one.

import { openStore, type Store, type StoreOptions } from '../../database/store.ts';
import type { Config } from '../config.ts';
import { makePrivateDirectory, migrationsDir } from '../paths.ts';
import { checkKeys, openSeal } from './encryption.ts';

/**
 * Opens the store of these settings, for a moment unless it is `owned`, as the one server of a SQLite file does.
 * @throws ConfigError when the data directory cannot be made; KeyringError as `checkKeys`, and nothing was written then; otherwise as `openStore`.
 */
export async function openDataStore(config: Config, options: Pick<StoreOptions, 'owned' | 'log'> = {}): Promise<Store> {
  await makePrivateDirectory(config.dataDir, 'REGWAY_DATA_DIR');
  return openStore({
    url: config.databaseUrl,
    migrationsDir,
    checkKeys: (keys) => checkKeys(config, keys),
    ...options,
  });
}

/**
 * Opens store and keys for one piece of work.
 * @param refuse may refuse the store before its keys are opened, which makes them where there are none.
 * @throws as `openDataStore` and `openSeal`, and what `refuse` throws.
 */
export async function onData<T>(
  config: Config,
  work: (store: Store) => Promise<T>,
  refuse: (store: Store) => Promise<void> = async () => undefined,
): Promise<T> {
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

export const now = (): Date => new Date();
