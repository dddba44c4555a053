// What happens to registries, told after it is committed. A text of it holds ids alone: whoever hears it reads the rest, if it may.

import type { AuditEvent } from '../audit/event.ts';
import { parseJson } from '../shared/json.ts';
import type { Registry } from './registry.ts';
import type { RegistryStore } from './store.ts';

const registryEventKinds = ['CREATED', 'UPDATED', 'DELETED', 'VALIDATED'] as const;

export interface RegistryEvent {
  readonly kind: (typeof registryEventKinds)[number];
  readonly id: string;
  readonly account: string;
}

/** The same store, whose changes are told once they are committed, whoever makes them. */
export function publishChanges(registries: RegistryStore, notices: Notifications): RegistryStore {
  const tell = (kind: RegistryEvent['kind'], { id, account }: Pick<Registry, 'id' | 'account'>) =>
    notices.send(JSON.stringify([kind, id, account]));
  const tellWritten = (kind: 'CREATED' | 'UPDATED', registry: Registry, event: AuditEvent): void => {
    tell(kind, registry);
    // A new password that only waits leaves the report of the current one as it is.
    if (event.action === 'registry.update' && event.outcome === 'PENDING') return;
    if (registry.lastValidation !== null && registry.lastValidation.outcome !== 'SKIPPED') tell('VALIDATED', registry);
  };
  return {
    ...registries,
    async insert(registry, sealed, event) {
      await registries.insert(registry, sealed, event);
      tellWritten('CREATED', registry, event);
    },
    async update(registry, sealed, expectedVersion, event, others) {
      await registries.update(registry, sealed, expectedVersion, event, others);
      tellWritten('UPDATED', registry, event);
    },
    async recordValidation(id, expectedVersion, report, event) {
      const isRecorded = await registries.recordValidation(id, expectedVersion, report, event);
      const account = event?.account ?? (isRecorded ? (await registries.byId(id))?.account : undefined);
      if (isRecorded && account !== undefined) tell('VALIDATED', { id, account });
      return isRecorded;
    },
    async delete(id, event) {
      const isDeleted = await registries.delete(id, event);
      if (isDeleted) tell('DELETED', { id, account: event.account });
      return isDeleted;
    },
  };
}

/** Reads what `publishChanges` sent; undefined for anything else that came the same way. */
export function parseRegistryEvent(text: string): RegistryEvent | undefined {
  const parts = parseJson(text);
  if (!Array.isArray(parts)) return undefined;
  const [kind, id, account] = parts as unknown[];
  const known = registryEventKinds.find((candidate) => candidate === kind);
  return known !== undefined && typeof id === 'string' && typeof account === 'string'
    ? { kind: known, id, account }
    : undefined;
}

/** Carries short texts to every process on the same store, this one included. What is sent while one is cut off is lost to it. */
export interface Notifications {
  /** Returns at once and never fails: what was changed stays changed, whether or not anybody hears of it. */
  send(text: string): void;
  /** Hears everything from about now on. */
  listen(hear: (text: string) => void): void;
}
