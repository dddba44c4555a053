// Caches values that take a request to load: one load in flight per key, a lifetime per entry, the least recently used evicted first.

import { LRUCache } from 'lru-cache';

export interface Fresh<Value> {
  readonly value: Value;
  /** Milliseconds from its arrival after which the value is no longer returned. */
  readonly lifetimeMs: number;
}

interface Found<Value> {
  readonly value: Value;
  /** Whether it was cached before this call. */
  readonly wasCached: boolean;
}

export interface SingleFlightCache<Value> {
  /** Returns the cached value, or loads it. Callers of one key share one load and its failure, which is not cached. */
  get(key: string, load: () => Promise<Fresh<Value>>): Promise<Found<Value>>;
  /** Returns the cached value, or undefined while there is none. */
  peek(key: string): Value | undefined;
  set(key: string, fresh: Fresh<Value>): void;
  /** Deletes the value if it is still this one: another caller may have replaced it. */
  drop(key: string, value: Value): void;
  dropWhere(isDropped: (key: string) => boolean): void;
}

type Load<Value> = () => Promise<Fresh<Value>>;

/**
 * Creates an empty cache.
 * @param maxEntries Maximum number of entries, those being loaded included.
 * @param monotonicMs Returns milliseconds of a clock that only runs forward.
 */
export function createSingleFlightCache<Value extends object>(
  maxEntries: number,
  monotonicMs: () => number,
): SingleFlightCache<Value> {
  // lru-cache still returns an entry in the last millisecond of its lifetime, and never expires one with a lifetime of 0.
  const toTtl = (lifetimeMs: number): number => lifetimeMs - 1 || -1;
  const cache = new LRUCache<string, Value, Load<Value>>({
    max: maxEntries,
    perf: { now: monotonicMs },
    // Reads the clock on every lookup, instead of once per millisecond.
    ttlResolution: 0,
    // A load that is evicted or replaced still ends with its value for the callers who wait for it.
    ignoreFetchAbort: true,
    async fetchMethod(_key, _stale, { options, context: load }) {
      const { value, lifetimeMs } = await load();
      options.ttl = toTtl(lifetimeMs);
      return value;
    },
  });
  return {
    peek: (key) => cache.get(key),
    set: (key, { value, lifetimeMs }) => void cache.set(key, value, { ttl: toTtl(lifetimeMs) }),
    async get(key, load) {
      const cached = cache.get(key);
      if (cached !== undefined) return { value: cached, wasCached: true };
      // Without a signal: a caller that leaves must not end the load of the others.
      const value = await cache.fetch(key, { context: load });
      if (value === undefined) throw new Error('A load ended without a value.');
      return { value, wasCached: false };
    },
    drop(key, value) {
      if (cache.peek(key) === value) cache.delete(key);
    },
    dropWhere(isDropped) {
      cache.purgeStale();
      for (const key of [...cache.keys()].filter(isDropped)) cache.delete(key);
    },
  };
}
