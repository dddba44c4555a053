// The system next to the model: the use cases over a real store and a real sealer, which can be killed and restarted.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createRegistries, type Registries } from '../../src/core/registries/registries.ts';
import { secretBinding } from '../../src/core/registry/registry.ts';
import { openAuditMac } from '../../src/encryption/audit-key.ts';
import { loadKeyring } from '../../src/encryption/keyring.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import type { Store } from '../../src/database/store.ts';
import type { AuditVerdict } from '../../src/core/audit/verdict.ts';
import { verifyAudit } from '../../src/core/audit/verification.ts';
import { reportOf, rotationWindowMs } from '../support/domain.ts';

/** The registry rejects a password with this prefix. */
export const refusedPassword = 'refused';

export interface System {
  readonly registries: Registries;
  /** The next times of the clock; one millisecond more at each change. */
  now(): number;
  /** Opens what is stored of a registry's password. */
  storedPassword(id: string): Promise<string | undefined>;
  verifyAudit(): Promise<AuditVerdict>;
  /** Drops everything that is open, without closing it, in the middle of its work. */
  kill(): Promise<void>;
  /** Closes what is open, in good order. */
  close(): Promise<void>;
}

export interface SystemParts {
  /** Opens the store, not started. */
  readonly openStore: () => Promise<Store>;
  /** Lets go of a store as the end of its process would. What is opened afterwards does not meet this end. */
  readonly dropStore: (store: Store) => Promise<void>;
  /** Holds the keyring. */
  readonly directory: string;
}

let clock = Date.UTC(2026, 0, 1);

/** Starts the system on the stored data. */
export async function startSystem({ openStore, dropStore, directory }: SystemParts): Promise<System> {
  const store = await openStore();
  const keyring = await loadKeyring(join(directory, 'keyring'), { createIfMissing: true });
  const sealer = await createSealer({ keyring, keys: store.keys });
  const mac = await openAuditMac({ keyring, keys: store.keys });
  await store.audit.start(mac);
  const registries = createRegistries({
    registries: store.registries,
    access: store.access,
    sealer,
    validator: {
      check: async (_target, { password }) =>
        reportOf(password.reveal().startsWith(refusedPassword) ? 'INVALID_CREDENTIALS' : 'VALID'),
    },
    validationRateLimit: { consume: async () => 0 },
    accountValidationRateLimit: { consume: async () => 0 },
    rotationWindowMs,
    now: () => new Date((clock += 1)),
    newId: () => `reg_${randomUUID().replaceAll('-', '')}`,
    isOwnHost: () => false,
    observeValidation: () => undefined,
  });
  return {
    registries,
    now: () => clock,
    async storedPassword(id) {
      const registry = await store.registries.byId(id);
      const sealed = await store.registries.sealed(id);
      return registry && sealed && sealer.open(sealed, secretBinding(registry)).reveal();
    },
    verifyAudit: () => verifyAudit({ trail: store.audit, mac }),
    kill: () => dropStore(store),
    close: () => store.close(),
  };
}
