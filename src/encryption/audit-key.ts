// Opens the key of the audit chain: one for the lifetime of a database, so that old events can be verified after every rotation.

import { createHmac } from 'node:crypto';
import type { AuditMac } from '../core/audit/chain.ts';
import type { KeyStore } from '../core/passwords/key-store.ts';
import { newDataKey, openDataKey } from './data-keys.ts';
import { type Keyring, KeyringError } from './keyring.ts';

interface AuditKeyOptions {
  readonly keyring: Keyring;
  readonly keys: KeyStore;
}

/**
 * Opens the key. Returns HMAC-SHA256 with it, in hex, or undefined if the database has no such key yet.
 * @throws KeyringError if the keyring does not open it.
 */
export async function findAuditMac({ keyring, keys }: AuditKeyOptions): Promise<AuditMac | undefined> {
  const row = (await keys.dataKeys()).find(({ state }) => state === 'AUDIT');
  if (row === undefined) return undefined;
  const key = openDataKey(keyring, row);
  return Object.assign((text: string) => createHmac('sha256', key).update(text).digest('hex'), { key });
}

/** Opens the key as `findAuditMac` does, and creates it if absent. If several processes do so at once, all return the same key. */
export async function openAuditMac(options: AuditKeyOptions): Promise<AuditMac> {
  const found = await findAuditMac(options);
  if (found !== undefined) return found;
  const { keyring, keys } = options;
  await keys.insertAuditKey((id) => newDataKey(keyring, id, 'AUDIT').row);
  const created = await findAuditMac(options);
  if (created === undefined)
    throw new KeyringError(
      keyring.path,
      'cannot open the audit trail: its key was removed from the database in the meantime. Start Regway again.',
    );
  return created;
}
