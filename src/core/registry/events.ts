// Publishes changes of registries after they are committed. A notification contains IDs only: its receiver reads the rest, if permitted.

import type { AuditEvent } from '../audit/event.ts';
import { parseJson } from '../shared/json.ts';
import type { Registry } from './registry.ts';
import type { RegistryStore } from './store.ts';

const registryEventKinds = ['CREATED', 'UPDATED', 'DELETED', 'VALIDATED'] as const;

/** One committed change of a registry. */
export interface RegistryEvent {
  readonly kind: (typeof registryEventKinds)[number];
  readonly id: string;
  readonly account: string;
}

/** The port that carries short texts to every process on the same store, this one included. A process that is disconnected misses them. */
export interface Notifications {
  /** Sends a text. Returns at once and never throws, because the change is already committed. */
  send(text: string): void;
  /** Calls `receive` with every text from about now on. */
  listen(receive: (text: string) => void): void;
}

/** Wraps a store so that each change is published once it is committed. */
export function publishChanges(registries: RegistryStore, notifications: Notifications): RegistryStore {
  const publish = (kind: RegistryEvent['kind'], { id, account }: Pick<Registry, 'id' | 'account'>) =>
    notifications.send(JSON.stringify([kind, id, account]));
  const publishWritten = (kind: 'CREATED' | 'UPDATED', registry: Registry, event: AuditEvent): void => {
    publish(kind, registry);
    // A pending password leaves the report of the current one unchanged.
    if (event.action === 'registry.update' && event.outcome === 'PENDING') return;
    if (registry.lastValidation !== null && registry.lastValidation.outcome !== 'SKIPPED')
      publish('VALIDATED', registry);
  };
  return {
    ...registries,
    async insert(registry, sealed, event) {
      await registries.insert(registry, sealed, event);
      publishWritten('CREATED', registry, event);
    },
    async update(registry, sealed, expectedVersion, event, alternates) {
      await registries.update(registry, sealed, expectedVersion, event, alternates);
      publishWritten('UPDATED', registry, event);
    },
    async recordValidation(id, expectedVersion, report, event) {
      const isRecorded = await registries.recordValidation(id, expectedVersion, report, event);
      const account = event?.account ?? (isRecorded ? (await registries.byId(id))?.account : undefined);
      if (isRecorded && account !== undefined) publish('VALIDATED', { id, account });
      return isRecorded;
    },
    async exchangeValidation(id, expectedVersion, seen, next, event) {
      const isExchanged = await registries.exchangeValidation(id, expectedVersion, seen, next, event);
      // Without an event it is a claim, which is not published.
      if (isExchanged && event !== undefined) publish('VALIDATED', { id, account: event.account });
      return isExchanged;
    },
    async delete(id, event) {
      const isDeleted = await registries.delete(id, event);
      if (isDeleted) publish('DELETED', { id, account: event.account });
      return isDeleted;
    },
  };
}

/** Parses a notification of `publishChanges`. Returns undefined for any other text. */
export function parseRegistryEvent(text: string): RegistryEvent | undefined {
  const parts = parseJson(text);
  if (!Array.isArray(parts)) return undefined;
  const [kind, id, account] = parts as unknown[];
  const known = registryEventKinds.find((candidate) => candidate === kind);
  return known !== undefined && typeof id === 'string' && typeof account === 'string'
    ? { kind: known, id, account }
    : undefined;
}
