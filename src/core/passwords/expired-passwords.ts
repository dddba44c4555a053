// Passwords beside the current one whose window has passed: nobody uses or sees them any more, and the next update clears them away.

import type { Registry } from '../registry/registry.ts';
import type { RegistryStore } from '../registry/store.ts';

/** What says until when a password beside the current one may be used. */
export interface RotationWindow {
  readonly now: () => Date;
  /** Milliseconds for which a pending or a previous password may be used. */
  readonly rotationWindowMs: number;
}

/** The registry as it is now: a password whose window has passed is not there any more, though it may still be stored. */
export function withoutExpired(registry: Registry, { now, rotationWindowMs }: RotationWindow): Registry {
  const { pendingSince, previousUsableUntil } = registry;
  if (pendingSince === null && previousUsableUntil === null) return registry;
  const nowMs = now().getTime();
  const isPendingPast = pendingSince !== null && pendingSince.getTime() + rotationWindowMs <= nowMs;
  const isPreviousPast = previousUsableUntil !== null && previousUsableUntil.getTime() <= nowMs;
  return {
    ...registry,
    pendingSince: isPendingPast ? null : pendingSince,
    previousUsableUntil: isPreviousPast ? null : previousUsableUntil,
  };
}

/** The same store, which reads registries without what has passed. */
export function withoutExpiredPasswords(registries: RegistryStore, window: RotationWindow): RegistryStore {
  const one = (registry: Registry | undefined) => registry && withoutExpired(registry, window);
  const all = (found: Registry[]) => found.map((registry) => withoutExpired(registry, window));
  return {
    ...registries,
    byId: async (id) => one(await registries.byId(id)),
    byIds: async (ids) => all(await registries.byIds(ids)),
    byText: async (account, text) => one(await registries.byText(account, text)),
    byTexts: async (account, texts) => all(await registries.byTexts(account, texts)),
    firstByTexts: async (account, texts) => one(await registries.firstByTexts(account, texts)),
    byHosts: async (account, hosts, limit) => all(await registries.byHosts(account, hosts, limit)),
    page: async (query) => all(await registries.page(query)),
  };
}
