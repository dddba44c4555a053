// A key of the database: random bytes, kept wrapped by a root key of the keyring.

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { DataKeyRow } from '../core/passwords/key-store.ts';
import { encodeContext, openBytes, sealBytes } from './aes-gcm.ts';
import { KeyringRefused, type Keyring } from './keyring.ts';

const dataKeyBytes = 32;

/** A new key and its row. @param id 1 to 2^32 − 1. */
export function newDataKey(keyring: Keyring, id: number, state: DataKeyRow['state']): { row: DataKeyRow; key: KeyObject } {
  const raw = randomBytes(dataKeyBytes);
  const wrapped = sealBytes(keyring.sealing.key, id, dataKeyContext(id), raw);
  return { row: { id, rootKeyId: keyring.sealing.id, wrapped, state, createdAt: new Date() }, key: createSecretKey(raw) };
}

/** @throws KeyringRefused when the keyring lacks the root key, or the row is not what it wrapped. */
export function openDataKey(keyring: Keyring, row: DataKeyRow): KeyObject {
  const rootKey = keyring.keys.find(({ id }) => id === row.rootKeyId);
  if (rootKey === undefined) {
    throw new KeyringRefused(
      keyring.path,
      `lacks the root key ${row.rootKeyId} that data key ${row.id} of this database is wrapped with. Add that key's line, or use the keyring that belongs to this database.`,
    );
  }
  const raw = openBytes(() => rootKey.key, dataKeyContext(row.id), row.wrapped);
  if (raw?.length !== dataKeyBytes) {
    throw new KeyringRefused(
      keyring.path,
      `has the root key ${row.rootKeyId}, but data key ${row.id} does not open with it: the database was altered or damaged. Restore it from a backup.`,
    );
  }
  return createSecretKey(raw);
}

/** The same key under the first root key of the keyring. @throws as `openDataKey` */
export function rewrapDataKey(keyring: Keyring, row: DataKeyRow): DataKeyRow {
  const { id: rootKeyId, key } = keyring.sealing;
  return { ...row, rootKeyId, wrapped: sealBytes(key, row.id, dataKeyContext(row.id), openDataKey(keyring, row).export()) };
}

function dataKeyContext(id: number): Buffer {
  return encodeContext('data_key', { id });
}
