// One server's use cases over a store and a real seal, joined as the wiring joins them.

import { createAdministration } from '../../src/app/wiring/use-cases.ts';
import { withoutExpiredPasswords } from '../../src/core/passwords/expired-passwords.ts';
import type { Sealer } from '../../src/core/passwords/sealer.ts';
import { createClientConfigs } from '../../src/core/pulls/client-config.ts';
import { createPulls, type PullPorts, type Pulls, type PullSettings } from '../../src/core/pulls/pull.ts';
import { createUpstreamTokens, type PullTokenMinter } from '../../src/core/pulls/upstream-token.ts';
import { createUses } from '../../src/core/pulls/usage/uses.ts';
import { createRegistries, type Registries, type RegistriesPorts } from '../../src/core/registries/registries.ts';
import { createSubscriptions, type Subscriptions, type WatchPorts } from '../../src/core/registries/watch.ts';
import { publishChanges } from '../../src/core/registry/events.ts';
import type { Store } from '../../src/database/store.ts';
import { openAuditMac } from '../../src/encryption/audit-key.ts';
import type { Keyring } from '../../src/encryption/keyring.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import type { UseCases } from '../../src/server/graphql/schema/builder.ts';

export interface Replica {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly registries: Registries;
  readonly pulls: Pulls;
  readonly subscriptions: Subscriptions;
  /** Everything that the GraphQL face serves. */
  readonly useCases: UseCases;
}

/** The dependencies of the use cases besides the store and the sealer. */
export interface ReplicaParts
  extends
    Omit<RegistriesPorts, 'registries' | 'access' | 'sealer'>,
    Pick<PullPorts, 'ledger' | 'monotonicMs' | 'newHosts'>,
    Pick<WatchPorts, 'resolveLogin' | 'setTimer'> {
  readonly minter: PullTokenMinter;
  readonly pullSettings: PullSettings;
}

/** Opens the keys, making them on a new database, and joins everything. */
export async function createReplica(
  store: Store,
  keyring: Keyring,
  { minter, pullSettings, resolveLogin, setTimer, ...parts }: ReplicaParts,
): Promise<Replica> {
  const { access, keys, notifications } = store;
  const sealer = await createSealer({ keyring, keys });
  await store.audit.start(await openAuditMac({ keyring, keys }));
  const registries = withoutExpiredPasswords(publishChanges(store.registries, notifications), parts);
  const ports = { ...parts, registries, access, sealer };
  const pulls = createPulls(ports, pullSettings);
  const subscriptions = createSubscriptions({ registries, access, notifications, resolveLogin, setTimer });
  const endpoint = () => new URL('https://regway.example');
  const useCases: UseCases = {
    registries: createRegistries(ports),
    uses: createUses({ uses: store.uses }),
    subscriptions,
    upstreamTokens: createUpstreamTokens({ pulls, minter, endpoint }),
    clientConfigs: createClientConfigs({ endpoint }),
    ...createAdministration(store, parts.now),
  };
  return { store, sealer, registries: useCases.registries, pulls, subscriptions, useCases };
}
