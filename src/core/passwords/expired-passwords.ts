// Hides alternate passwords whose rotation window has passed: they are neither used nor shown, and the next update deletes them.

import type { Registry } from '../registry/registry.ts';
import type { RegistryStore } from '../registry/store.ts';

/** How long an alternate password can be used. */
export interface RotationWindow {
  readonly now: () => Date;
  /** How long a pending or previous password can be used, in milliseconds. */
  readonly rotationWindowMs: number;
}

/** Returns the registry without alternate passwords whose window has passed, though they may still be stored. */
export function withoutExpired(registry: Registry, { now, rotationWindowMs }: RotationWindow): Registry {
  const { pendingSince, previousUsableUntil } = registry;
  if (pendingSince === null && previousUsableUntil === null) return registry;
  const nowMs = now().getTime();
  const isPendingExpired = pendingSince !== null && pendingSince.getTime() + rotationWindowMs <= nowMs;
  const isPreviousExpired = previousUsableUntil !== null && !isWithin(previousUsableUntil, nowMs, rotationWindowMs);
  return {
    ...registry,
    pendingSince: isPendingExpired ? null : pendingSince,
    previousUsableUntil: isPreviousExpired ? null : previousUsableUntil,
  };
}

/** Milliseconds by which the clocks of two servers may differ. */
const maxSkewMs = 60 * 60_000;

/** Whether the end of a window lies ahead, and no further than a window: beyond that it comes from a clock that was wrong. */
function isWithin(end: Date, nowMs: number, windowMs: number): boolean {
  return end.getTime() > nowMs && end.getTime() <= nowMs + windowMs + maxSkewMs;
}

/** Wraps a store so that it returns registries without expired alternate passwords. */
export function withoutExpiredPasswords(registries: RegistryStore, window: RotationWindow): RegistryStore {
  const one = (registry: Registry | undefined) => registry && withoutExpired(registry, window);
  const all = (found: Registry[]) => found.map((registry) => withoutExpired(registry, window));
  return {
    ...registries,
    byId: async (id) => one(await registries.byId(id)),
    byIds: async (ids) => all(await registries.byIds(ids)),
    byPattern: async (account, pattern) => one(await registries.byPattern(account, pattern)),
    byPatterns: async (account, patterns) => all(await registries.byPatterns(account, patterns)),
    findMostSpecific: async (account, patterns) => one(await registries.findMostSpecific(account, patterns)),
    byHosts: async (account, hosts, limit) => all(await registries.byHosts(account, hosts, limit)),
    page: async (query) => all(await registries.page(query)),
  };
}
