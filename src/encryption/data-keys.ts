// Creates, opens, and rewraps the data keys that seal the passwords of one database, and verifies them against the database's canary.

import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import type { DataKeyRow, KeyStore } from '../core/passwords/key-store.ts';
import { encodeContext, decrypt, encrypt } from './aes-gcm.ts';
import { type Keyring, KeyringError } from './keyring.ts';

export interface DataKeys {
  readonly byId: ReadonlyMap<number, KeyObject>;
  readonly activeId: number;
  readonly active: KeyObject;
  /** Keys for uses other than sealing are derived from it. A rotation of data keys keeps it. */
  readonly seed: Uint8Array;
}

const derivedKeyBytes = 32;

/** If the canary opens, the data keys are those that the passwords were sealed with. A rotation replaces this content by the seed. */
const firstCanary = Buffer.from('regway');
const canaryContext = encodeContext('canary', {});

/**
 * Reads and opens the data keys of a database. Writes nothing.
 * @throws KeyringError if these keys are not those that the database was sealed with.
 */
export async function readDataKeys(keyring: Keyring, keys: Pick<KeyStore, 'dataKeys' | 'canary'>): Promise<DataKeys> {
  // In this order: a key is written with the canary or before it, so the key of a canary is read after it.
  const canary = await keys.canary();
  const dataKeys = await openDataKeys(keyring, keys, canary);
  if (dataKeys !== undefined) return dataKeys;
  // A rotation that ended between the two reads deleted that key and stored another canary.
  const canaryNow = await keys.canary();
  const isRotated = canary !== undefined && canaryNow !== undefined && !Buffer.from(canary).equals(canaryNow);
  const rotated = isRotated ? await openDataKeys(keyring, keys, canaryNow) : undefined;
  if (rotated !== undefined) return rotated;
  throw new KeyringError(
    keyring.path,
    'does not fit this database: the canary does not open. Use the keyring that belongs to this database, or restore both from one backup.',
  );
}

/** Returns undefined if the canary does not open. */
async function openDataKeys(
  keyring: Keyring,
  keys: Pick<KeyStore, 'dataKeys'>,
  canary: Uint8Array | undefined,
): Promise<DataKeys | undefined> {
  const rows = (await keys.dataKeys()).filter(({ state }) => state !== 'AUDIT');
  if (canary === undefined) {
    throw new KeyringError(
      keyring.path,
      'cannot be verified: the database contains registries or keys but no canary. Restore the database from a backup.',
    );
  }
  const byId = new Map(rows.map((row) => [row.id, openDataKey(keyring, row)]));
  const opened = decrypt((keyId) => byId.get(keyId), canaryContext, canary);
  const { id: activeId, key: active } = activeKey(keyring, rows, byId);
  return opened && { byId, activeId, active, seed: opened.equals(firstCanary) ? derive(active, 'seed') : opened };
}

/** Creates a data key that seals, and the canary that belongs to it. @param seed undefined for the first key of a database. */
export function createSealingKey(
  keyring: Keyring,
  id: number,
  seed?: Uint8Array,
): { readonly row: DataKeyRow; readonly canary: Uint8Array } {
  const { row, key } = newDataKey(keyring, id, 'ACTIVE');
  return { row, canary: encrypt(key, id, canaryContext, seed ?? firstCanary) };
}

/** Derives 32 bytes for a use other than sealing. @param purpose names the use. */
export function derive(key: KeyObject | Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', encodeContext('derived_key', { purpose }), derivedKeyBytes));
}

function activeKey(
  keyring: Keyring,
  rows: readonly DataKeyRow[],
  byId: ReadonlyMap<number, KeyObject>,
): { readonly id: number; readonly key: KeyObject } {
  const [row, ...others] = rows.filter(({ state }) => state === 'ACTIVE');
  const key = row && byId.get(row.id);
  if (row === undefined || key === undefined || others.length > 0) {
    throw new KeyringError(
      keyring.path,
      'fits no sealing key: the database must contain exactly one active data key. Restore the database from a backup.',
    );
  }
  return { id: row.id, key };
}

const dataKeyBytes = 32;

/** Creates a data key and its row. @param id 1 to 2^32 − 1. */
export function newDataKey(
  keyring: Keyring,
  id: number,
  state: DataKeyRow['state'],
): { row: DataKeyRow; key: KeyObject } {
  const raw = randomBytes(dataKeyBytes);
  const wrapped = encrypt(keyring.sealing.key, id, dataKeyContext(id), raw);
  return {
    row: { id, rootKeyId: keyring.sealing.id, wrapped, state, createdAt: new Date() },
    key: createSecretKey(raw),
  };
}

/** Unwraps a data key. @throws KeyringError if the keyring lacks the root key, or did not wrap this row. */
export function openDataKey(keyring: Keyring, row: DataKeyRow): KeyObject {
  const rootKey = keyring.keys.find(({ id }) => id === row.rootKeyId);
  if (rootKey === undefined) {
    throw new KeyringError(
      keyring.path,
      `lacks the root key ${row.rootKeyId} that data key ${row.id} of this database is wrapped with. Add that key's line, or use the keyring that belongs to this database.`,
    );
  }
  const raw = decrypt(() => rootKey.key, dataKeyContext(row.id), row.wrapped);
  if (raw?.length !== dataKeyBytes) {
    throw new KeyringError(
      keyring.path,
      `has the root key ${row.rootKeyId}, but data key ${row.id} does not open with it: the database was altered or damaged. Restore it from a backup.`,
    );
  }
  return createSecretKey(raw);
}

/** Wraps the same data key with the first root key of the keyring. @throws as `openDataKey`. */
export function rewrapDataKey(keyring: Keyring, row: DataKeyRow): DataKeyRow {
  const { id: rootKeyId, key } = keyring.sealing;
  return {
    ...row,
    rootKeyId,
    wrapped: encrypt(key, row.id, dataKeyContext(row.id), openDataKey(keyring, row).export()),
  };
}

function dataKeyContext(id: number): Buffer {
  return encodeContext('data_key', { id });
}
