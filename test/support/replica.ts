// One server's use cases over a store and a real seal, joined as the wiring joins them.

import { createAdministration } from '../../src/app/wiring/use-cases.ts';
import { withoutExpiredPasswords } from '../../src/core/passwords/expired-passwords.ts';
import type { Sealer } from '../../src/core/passwords/sealer.ts';
import { createClientConfigs } from '../../src/core/pulls/client-config.ts';
import { createPulls, type PullPorts, type Pulls, type PullSettings } from '../../src/core/pulls/pull.ts';
import { createUpstreamTokens, type PullTokenMinter } from '../../src/core/pulls/upstream-token.ts';
import { createUses } from '../../src/core/pulls/usage.ts';
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
  readonly watching: Subscriptions;
  /** Everything that the GraphQL face serves. */
  readonly useCases: UseCases;
}

/** What stands around a store and its seal. */
export interface ReplicaParts
  extends
    Omit<RegistriesPorts, 'registries' | 'access' | 'sealer'>,
    Pick<PullPorts, 'ledger'>,
    Pick<WatchPorts, 'resolveLogin' | 'schedule'> {
  readonly minter: PullTokenMinter;
  readonly pullSettings: PullSettings;
}

/** Opens the keys, making them on a new database, and joins everything. */
export async function createReplica(
  store: Store,
  keyring: Keyring,
  { minter, pullSettings, resolveLogin, schedule, ...parts }: ReplicaParts,
): Promise<Replica> {
  const { access, keys, notices } = store;
  const sealer = await createSealer({ keyring, keys });
  await store.audit.start(await openAuditMac({ keyring, keys }));
  const registries = withoutExpiredPasswords(publishChanges(store.registries, notices), parts);
  const ports = { ...parts, registries, access, sealer };
  const pulls = createPulls(ports, pullSettings);
  const watching = createSubscriptions({ registries, access, notices, resolveLogin, schedule });
  const endpoint = () => new URL('https://regway.example');
  const useCases: UseCases = {
    registries: createRegistries(ports),
    uses: createUses({ uses: store.uses }),
    watching,
    pullTokens: createUpstreamTokens({ pulls, minter, endpoint }),
    pullConfigs: createClientConfigs({ endpoint }),
    ...createAdministration(store, parts.now),
  };
  return { store, sealer, registries: useCases.registries, pulls, watching, useCases };
}
