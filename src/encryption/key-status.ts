// Which keys there are and what each of them still opens. Names alone, never a key.

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
  /** Data keys that it wraps; a key with none opens nothing of this database. */
  readonly dataKeys: number;
}

export interface DataKeyStatus extends Pick<DataKeyRow, 'id' | 'state' | 'rootKeyId' | 'createdAt'> {
  /** Passwords that are sealed with it. A retired key that has some is that of an interrupted rotation, or of passwords that cannot be read. */
  readonly passwords: number;
}

/**
 * Reads the keys, and opens them to see that they are right.
 * @throws KeyringError when the keyring is not that of the database.
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
