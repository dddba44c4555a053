// Opens the keys of an open store: the sealer of its passwords and the MAC of its audit chain.

import { dirname } from 'node:path';
import type { AuditMac } from '../../core/audit/chain.ts';
import type { KeyStore } from '../../core/passwords/key-store.ts';
import type { Store } from '../../database/store.ts';
import { openAuditMac } from '../../encryption/audit-key.ts';
import { readDataKeys } from '../../encryption/data-keys.ts';
import { type Keyring, openKeyring } from '../../encryption/keyring.ts';
import { removeTemporaryFiles } from '../../encryption/rotation.ts';
import { createSealer, type DatabaseSealer, holdsNothingSealed } from '../../encryption/sealer.ts';
import type { Config } from '../config.ts';
import { makePrivateDirectory } from '../paths.ts';

/** The opened keys of a database. */
export interface Seal {
  readonly sealer: DatabaseSealer;
  /** Authenticates the events of the audit chain. */
  readonly auditMac: AuditMac;
}

/**
 * Checks that the keyring belongs to the database, before anything is written to it.
 * @throws KeyringError if it does not.
 */
export async function checkKeys({ keyringFile }: Config, keys: KeyStore): Promise<void> {
  if (await holdsNothingSealed(keys)) return;
  await openKeyring(keyringFile, (keyring) => readDataKeys(keyring, keys));
}

/**
 * Opens the keys and starts the audit chain with them. The store must not be changed before.
 * @throws KeyringError if the keys do not belong to the database, and nothing was written then; ConfigError if no keyring can be created.
 */
export async function openSeal(config: Config, store: Store): Promise<Seal> {
  // A new keyring is created only if nothing is encrypted yet, because it could not decrypt an existing database.
  const createIfMissing = await holdsNothingSealed(store.keys);
  if (createIfMissing) await makePrivateDirectory(dirname(config.keyringFile), 'REGWAY_KEYRING_FILE');
  const { keys } = store;
  const open = async (keyring: Keyring) => ({
    sealer: await createSealer({ keyring, keys }),
    auditMac: await openAuditMac({ keyring, keys }),
  });
  const seal = await openKeyring(config.keyringFile, open, { createIfMissing });
  await store.audit.start(seal.auditMac);
  await removeTemporaryFiles({ keyringFile: config.keyringFile, keys });
  return seal;
}
