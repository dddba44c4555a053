// The keys of a data directory: what they are, and their rotation, whether or not a server runs on it.

import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import type { KeyStore } from '../core/key-ports.ts';
import { Problem } from '../core/problem.ts';
import { readKeyStatus, type KeyStatus } from '../seal/key-status.ts';
import { readDataKeys } from '../seal/data-keys.ts';
import { loadKeyring } from '../seal/keyring.ts';
import { rotateDataKey, rotateRootKey, type DataRotation, type RootRotation, type RotationParts } from '../seal/rotate.ts';
import { holdsNothingSealed } from '../seal/seal.ts';
import { openDataStore } from './data.ts';
import { openSeal } from './seal.ts';

/** The keys as they stand. @throws KeyringRefused when the keyring is not that of the database; Problem `NOT_FOUND` before the first start. */
export function keyStatus(config: Config): Promise<KeyStatus> {
  return withKeys(config, readKeyStatus);
}

/** @throws as `rotateDataKey` and `keyStatus`. */
export function rotateDataKeyOf(config: Config): Promise<DataRotation> {
  return withKeys(config, rotateDataKey);
}

/** @throws as `rotateRootKey` and `keyStatus`. */
export function rotateRootKeyOf(config: Config): Promise<RootRotation> {
  return withKeys(config, rotateRootKey);
}

/**
 * Refuses a database that was sealed with other keys, before anything is written to it.
 * @throws KeyringRefused
 */
export async function checkKeys({ keyringFile }: Config, keys: KeyStore): Promise<void> {
  if (await holdsNothingSealed(keys)) return;
  await readDataKeys(await loadKeyring(keyringFile, { createIfMissing: false }), keys);
}

async function withKeys<Result>(config: Config, run: (parts: RotationParts) => Promise<Result>): Promise<Result> {
  const store = await openDataStore(config, { checkKeys: (keys) => checkKeys(config, keys) });
  try {
    if (await holdsNothingSealed(store.keys)) throw new Problem('NOT_FOUND', 'There are no keys yet: the first start of the server makes them.');
    await openSeal(config, store);
    return await run({ keyringFile: config.keyringFile, keys: store.keys, now: () => new Date(), actor: 'cli', requestId: randomUUID() });
  } finally {
    await store.close();
  }
}
