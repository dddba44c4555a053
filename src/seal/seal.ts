// The sealer: passwords to bytes and back with the database's data keys, which only the keyring can unwrap.

import { hkdfSync, type KeyObject } from 'node:crypto';
import type { DataKeyRow, KeyStore, Sealed, Sealer } from '../core/ports.ts';
import { Problem } from '../core/problem.ts';
import type { SecretBinding } from '../core/registry.ts';
import { Secret } from '../core/secret.ts';
import { encodeContext, maxValueBytes, openBytes, sealBytes } from './box.ts';
import { newDataKey, openDataKey } from './data-key.ts';
import { KeyringRefused, type Keyring } from './keyring.ts';

/** The sealer of one database, which every replica over it has alike. */
export interface DatabaseSealer extends Sealer {
  /** 32 bytes for another use than sealing, the same on every replica until the data key is rotated. @param purpose names the use. */
  deriveKey(purpose: string): Uint8Array;
}

interface DataKeys {
  readonly byId: ReadonlyMap<number, KeyObject>;
  readonly activeId: number;
  readonly active: KeyObject;
}

const derivedKeyBytes = 32;
const firstDataKeyId = 1;

/** Its text does not matter: that it opens shows that the data keys are the ones the passwords were sealed with. */
const canaryValue = Buffer.from('regway');
const canaryContext = encodeContext('canary', {});

/**
 * Opens the database's keys, making the first one on an empty database. Writes nothing before every check has passed.
 * @throws KeyringRefused when these keys are not the ones that the database was sealed with.
 */
export async function createSealer(options: { readonly keyring: Keyring; readonly keys: KeyStore }): Promise<DatabaseSealer> {
  const { keyring, keys } = options;
  if (await holdsNothingSealed(keys)) {
    // False when another process was first; its key is read back like any other.
    await insertFirstKey(keyring, keys);
  }
  // In this order: key and canary are written together, so whoever sees the key sees the canary.
  const rows = await keys.dataKeys();
  const canary = await keys.canary();
  if (canary === undefined) {
    throw new KeyringRefused(keyring.path, 'cannot be checked: the database holds registries or keys but no canary. Restore the database from a backup.');
  }
  const dataKeys = openDataKeys(keyring, rows);
  checkCanary(keyring, dataKeys, canary);
  return {
    seal: (secret, binding) => sealPassword(dataKeys, secret, binding),
    open: (sealed, binding) => openPassword(dataKeys, sealed, binding),
    deriveKey: (purpose) => new Uint8Array(hkdfSync('sha256', dataKeys.active, '', encodeContext('derived_key', { purpose }), derivedKeyBytes)),
  };
}

/** Whether a new keyring may be made for this database: true before the first start only. */
export async function holdsNothingSealed(keys: KeyStore): Promise<boolean> {
  const dataKeys = await keys.dataKeys();
  return dataKeys.length === 0 && (await keys.canary()) === undefined && !(await keys.hasRegistries());
}

async function insertFirstKey(keyring: Keyring, keys: KeyStore): Promise<void> {
  const { row, key } = newDataKey(keyring, firstDataKeyId, 'ACTIVE');
  await keys.insertFirst(row, sealBytes(key, row.id, canaryContext, canaryValue));
}

function openDataKeys(keyring: Keyring, rows: readonly DataKeyRow[]): DataKeys {
  const sealing = rows.filter(({ state }) => state !== 'AUDIT');
  const byId = new Map(sealing.map((row) => [row.id, openDataKey(keyring, row)]));
  const [activeRow, ...others] = rows.filter((row) => row.state === 'ACTIVE');
  const active = activeRow && byId.get(activeRow.id);
  if (activeRow === undefined || active === undefined || others.length > 0) {
    throw new KeyringRefused(
      keyring.path,
      'fits no sealing key: the database should hold exactly one active data key and does not. Restore the database from a backup.',
    );
  }
  return { byId, activeId: activeRow.id, active };
}

function checkCanary(keyring: Keyring, dataKeys: DataKeys, canary: Uint8Array): void {
  if (openBytes((keyId) => dataKeys.byId.get(keyId), canaryContext, canary) === undefined) {
    throw new KeyringRefused(
      keyring.path,
      'does not fit this database: the canary does not open. Use the keyring that belongs to this database, or restore both from one backup.',
    );
  }
}

function sealPassword(dataKeys: DataKeys, secret: Secret, binding: SecretBinding): Sealed {
  const password = secret.reveal();
  if (!password.isWellFormed()) {
    throw new Problem('INVALID_INPUT', 'The password is not valid Unicode text. Enter it again.', { field: ['password'] });
  }
  const bytes = Buffer.from(password);
  if (bytes.length > maxValueBytes) {
    throw new Problem('INVALID_INPUT', `The password is longer than ${maxValueBytes} bytes. Use a shorter one.`, { field: ['password'] });
  }
  return sealBytes(dataKeys.active, dataKeys.activeId, bindingContext(binding), bytes);
}

function openPassword(dataKeys: DataKeys, sealed: Sealed, binding: SecretBinding): Secret {
  const bytes = openBytes((keyId) => dataKeys.byId.get(keyId), bindingContext(binding), sealed);
  if (bytes === undefined) {
    throw new Problem(
      'SECRET_UNREADABLE',
      'The stored password cannot be read, because the record or its key was changed outside Regway. Update the registry and enter the password again.',
    );
  }
  return new Secret(bytes.toString());
}

function bindingContext(binding: SecretBinding): Buffer {
  // The order is part of the format, and a part left out does not compile.
  const parts: Record<keyof SecretBinding, SecretBinding[keyof SecretBinding]> = {
    account: binding.account,
    id: binding.id,
    registry: binding.registry,
    host: binding.host,
    repository: binding.repository,
    type: binding.type,
    username: binding.username,
    secureConnection: binding.secureConnection,
    trustedRealm: binding.trustedRealm,
    secretVersion: binding.secretVersion,
  };
  return encodeContext('registry.password', parts);
}
