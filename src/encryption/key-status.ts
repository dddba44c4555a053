// Reads which keys exist and how much each of them still opens. Reports ids, never a key.

import type { DataKeyRow } from '../core/passwords/key-store.ts';
import { readDataKeys } from './data-keys.ts';
import { openKeyring } from './keyring.ts';
import type { RotationParts } from './rotation.ts';

export interface KeyStatus {
  readonly keyringFile: string;
  readonly rootKeys: readonly RootKeyStatus[];
  readonly dataKeys: readonly DataKeyStatus[];
}

export interface RootKeyStatus {
  readonly id: string;
  /** The number of data keys that it wraps. A root key with 0 opens nothing in this database. */
  readonly dataKeys: number;
}

export interface DataKeyStatus extends Pick<DataKeyRow, 'id' | 'state' | 'rootKeyId' | 'createdAt'> {
  /** The number of passwords sealed with it. A retired key has some after an interrupted rotation, or if they cannot be read. */
  readonly passwords: number;
}

/**
 * Reads the keys, and opens them to verify that they belong to the database.
 * @throws KeyringError if the keyring is not that of the database.
 */
export async function readKeyStatus({
  keyringFile,
  keys,
}: Pick<RotationParts, 'keyringFile' | 'keys'>): Promise<KeyStatus> {
  const { keyring, rows } = await openKeyring(keyringFile, async (ring) => {
    await readDataKeys(ring, keys);
    return { keyring: ring, rows: await keys.dataKeys() };
  });
  const passwords = await keys.countSealed();
  return {
    keyringFile,
    rootKeys: keyring.keys.map(({ id }) => ({ id, dataKeys: rows.filter(({ rootKeyId }) => rootKeyId === id).length })),
    dataKeys: rows.map(({ id, state, rootKeyId, createdAt }) => ({
      id,
      state,
      rootKeyId,
      createdAt,
      passwords: passwords.get(id) ?? 0,
    })),
  };
}
