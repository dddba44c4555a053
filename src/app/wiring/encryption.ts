// The keys over an open store: what seals its passwords and chains its audit events.

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

export interface Seal {
  readonly sealer: DatabaseSealer;
  /** Links the events of the audit chain. */
  readonly auditMac: AuditMac;
}

/**
 * Refuses a database that was sealed with other keys, before anything is written to it.
 * @throws KeyringError
 */
export async function checkKeys({ keyringFile }: Config, keys: KeyStore): Promise<void> {
  if (await holdsNothingSealed(keys)) return;
  await openKeyring(keyringFile, (keyring) => readDataKeys(keyring, keys));
}

/**
 * Opens the keys of these settings and starts the audit chain with them: from here on the store may be changed.
 * @throws KeyringError when the keys are not those of the database; nothing was written then. ConfigError when no keyring can be made.
 */
export async function openSeal(config: Config, store: Store): Promise<Seal> {
  // A new key is made only where nothing is sealed yet: beside an existing database it could open nothing.
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
