// The data keys that seal the passwords of one database, in the open, and what shows that they are the right ones.

import { hkdfSync, type KeyObject } from 'node:crypto';
import type { DataKeyRow, KeyStore } from '../core/passwords/key-store.ts';
import { encodeContext, openBytes, sealBytes } from './aes-gcm.ts';
import { newDataKey, openDataKey } from './data-key.ts';
import { KeyringRefused, type Keyring } from './keyring.ts';

export interface DataKeys {
  readonly byId: ReadonlyMap<number, KeyObject>;
  readonly activeId: number;
  readonly active: KeyObject;
  /** What keys for other uses than sealing come from. It stays the same when data keys are rotated. */
  readonly seed: Uint8Array;
}

const derivedKeyBytes = 32;

/** That it opens shows that the data keys are the ones the passwords were sealed with. A rotation puts the seed in its place. */
const firstCanary = Buffer.from('regway');
const canaryContext = encodeContext('canary', {});

/**
 * Reads and opens the keys of a database. Writes nothing.
 * @throws KeyringRefused when these keys are not the ones that the database was sealed with.
 */
export async function readDataKeys(keyring: Keyring, keys: Pick<KeyStore, 'dataKeys' | 'canary'>): Promise<DataKeys> {
  // In this order: a key is written with the canary or before it, so the key of a canary is read after it.
  const canary = await keys.canary();
  const dataKeys = await openDataKeys(keyring, keys, canary);
  if (dataKeys !== undefined) return dataKeys;
  // Unless a rotation ended between the two and took that key away, which puts another canary there.
  const canaryNow = await keys.canary();
  const isRotated = canary !== undefined && canaryNow !== undefined && !Buffer.from(canary).equals(canaryNow);
  const rotated = isRotated ? await openDataKeys(keyring, keys, canaryNow) : undefined;
  if (rotated !== undefined) return rotated;
  throw new KeyringRefused(
    keyring.path,
    'does not fit this database: the canary does not open. Use the keyring that belongs to this database, or restore both from one backup.',
  );
}

/** Undefined when the canary does not open. */
async function openDataKeys(keyring: Keyring, keys: Pick<KeyStore, 'dataKeys'>, canary: Uint8Array | undefined): Promise<DataKeys | undefined> {
  const rows = (await keys.dataKeys()).filter(({ state }) => state !== 'AUDIT');
  if (canary === undefined) {
    throw new KeyringRefused(keyring.path, 'cannot be checked: the database holds registries or keys but no canary. Restore the database from a backup.');
  }
  const byId = new Map(rows.map((row) => [row.id, openDataKey(keyring, row)]));
  const opened = openBytes((keyId) => byId.get(keyId), canaryContext, canary);
  const { id: activeId, key: active } = activeKey(keyring, rows, byId);
  return opened && { byId, activeId, active, seed: opened.equals(firstCanary) ? derive(active, 'seed') : opened };
}

/** A new data key that seals, and the canary that goes with it. @param seed undefined for the first key of a database. */
export function createSealingKey(keyring: Keyring, id: number, seed?: Uint8Array): { readonly row: DataKeyRow; readonly canary: Uint8Array } {
  const { row, key } = newDataKey(keyring, id, 'ACTIVE');
  return { row, canary: sealBytes(key, id, canaryContext, seed ?? firstCanary) };
}

/** 32 bytes for another use than sealing. @param purpose names the use. */
export function derive(key: KeyObject | Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', encodeContext('derived_key', { purpose }), derivedKeyBytes));
}

function activeKey(keyring: Keyring, rows: readonly DataKeyRow[], byId: ReadonlyMap<number, KeyObject>): { readonly id: number; readonly key: KeyObject } {
  const [row, ...others] = rows.filter(({ state }) => state === 'ACTIVE');
  const key = row && byId.get(row.id);
  if (row === undefined || key === undefined || others.length > 0) {
    throw new KeyringRefused(
      keyring.path,
      'fits no sealing key: the database should hold exactly one active data key and does not. Restore the database from a backup.',
    );
  }
  return { id: row.id, key };
}
