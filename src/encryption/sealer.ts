// Implements the `Sealer` port: encrypts passwords with the database's data keys, which only the keyring can unwrap, and decrypts them.

import type { KeyStore } from '../core/passwords/key-store.ts';
import { dataKeyIdOf, StaleKeys, type Sealer } from '../core/passwords/sealer.ts';
import type { SecretBinding, SecretSlot } from '../core/registry/registry.ts';
import type { Sealed } from '../core/registry/store.ts';
import { Problem } from '../core/shared/problem.ts';
import { Secret } from '../core/shared/secret.ts';
import { encodeContext, maxValueBytes, decrypt, encrypt } from './aes-gcm.ts';
import { createSealingKey, type DataKeys, derive, readDataKeys } from './data-keys.ts';
import { type Keyring, KeyringError, openKeyring } from './keyring.ts';

/** The sealer of one database. Every replica that shares the database has the same. */
export interface DatabaseSealer extends Sealer {
  /** Derives 32 bytes for a use other than sealing, the same on every replica and after every key rotation. @param purpose names the use. */
  deriveKey(purpose: string): Uint8Array;
}

const firstDataKeyId = 1;

/** Part of the format. */
const purposes = {
  CURRENT: 'registry.password',
  PENDING: 'registry.password.pending',
  PREVIOUS: 'registry.password.previous',
} as const satisfies Record<SecretSlot, string>;

/** A shorter value does not contain the id of its key. */
const minSealedBytes = 5;

/**
 * Opens the database's keys, and creates the first one in an empty database. Writes nothing before every check has passed.
 * @throws KeyringError if these keys are not those that the database was sealed with.
 */
export async function createSealer(options: {
  readonly keyring: Keyring;
  readonly keys: KeyStore;
}): Promise<DatabaseSealer> {
  const { keyring, keys } = options;
  if (await holdsNothingSealed(keys)) {
    const { row, canary } = createSealingKey(keyring, firstDataKeyId);
    // False if another process was first; its key is read below like any other.
    await keys.insertFirst(row, canary);
  }
  let dataKeys = await readDataKeys(keyring, keys);
  const refresh = async (): Promise<void> => {
    dataKeys = await readAgain(keyring.path, keys);
  };
  return {
    seal: (secret, binding) => sealPassword(dataKeys, secret, binding),
    open: (sealed, binding) => openPassword(dataKeys, sealed, binding),
    refresh,
    deriveKey: (purpose) => derive(dataKeys.seed, purpose),
  };
}

/** Returns whether a new keyring may be created for this database: true only before the first start. */
export async function holdsNothingSealed(keys: KeyStore): Promise<boolean> {
  const dataKeys = await keys.dataKeys();
  return dataKeys.length === 0 && (await keys.canary()) === undefined && !(await keys.hasRegistries());
}

/** Reads the keyring and the keys again: a rotation of the root key replaces the file. */
async function readAgain(keyringFile: string, keys: KeyStore): Promise<DataKeys> {
  try {
    return await openKeyring(keyringFile, (keyring) => readDataKeys(keyring, keys));
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    throw new Problem(
      'STORAGE_UNAVAILABLE',
      'The keys of this installation were rotated, and the keyring of this server does not open the new ones yet. Try again once it has the new keyring.',
      { cause: error },
    );
  }
}

/** Seals a password with the active key. @throws Problem `INVALID_INPUT` for a password that cannot be sealed. */
export function sealPassword(dataKeys: DataKeys, secret: Secret, binding: SecretBinding): Sealed {
  const password = secret.reveal();
  if (!password.isWellFormed()) {
    throw new Problem('INVALID_INPUT', 'The password is not valid Unicode text. Enter it again.', {
      field: ['password'],
    });
  }
  const bytes = Buffer.from(password);
  if (bytes.length > maxValueBytes) {
    throw new Problem('INVALID_INPUT', `The password is longer than ${maxValueBytes} bytes. Use a shorter one.`, {
      field: ['password'],
    });
  }
  return encrypt(dataKeys.active, dataKeys.activeId, bindingContext(binding), bytes);
}

/** Opens a sealed password. @throws as `Sealer.open`. */
export function openPassword(dataKeys: DataKeys, sealed: Sealed, binding: SecretBinding): Secret {
  const bytes = decrypt((keyId) => dataKeys.byId.get(keyId), bindingContext(binding), sealed);
  if (bytes !== undefined) return new Secret(bytes.toString());
  const message =
    'The stored password cannot be read, because the record or its key was changed outside Regway. Update the registry and enter the password again.';
  const isKeyKnown = sealed.length < minSealedBytes || dataKeys.byId.has(dataKeyIdOf(sealed));
  throw isKeyKnown ? new Problem('SECRET_UNREADABLE', message) : new StaleKeys('SECRET_UNREADABLE', message);
}

function bindingContext(binding: SecretBinding): Buffer {
  // The order is part of the format. A missing part does not compile.
  const parts: Record<keyof Omit<SecretBinding, 'slot'>, SecretBinding[keyof SecretBinding]> = {
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
  return encodeContext(purposes[binding.slot], parts);
}
