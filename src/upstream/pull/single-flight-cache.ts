// A bounded cache of things that take a request to get: one request in flight per key, the least recently used leave first.

export interface Fresh<Value> {
  readonly value: Value;
  /** Epoch milliseconds at which it is no longer handed out. */
  readonly untilMs: number;
}

export interface Found<Value> {
  readonly value: Value;
  /** Whether it was there before this call. */
  readonly wasCached: boolean;
}

export interface SingleFlightCache<Value> {
  /** What is cached, or what `load` gives; callers of one key share one load, and its failure, which is not kept. */
  get(key: string, load: () => Promise<Fresh<Value>>): Promise<Found<Value>>;
  set(key: string, fresh: Fresh<Value>): void;
  /** Forgets the value if it is still this one: another caller may have replaced it. */
  drop(key: string, value: Value): void;
  dropWhere(isDropped: (key: string) => boolean): void;
}

/** An empty cache. @param maxEntries The least recently used are dropped beyond it. */
export function createSingleFlightCache<Value>(maxEntries: number, now: () => Date): SingleFlightCache<Value> {
  const entries = new Map<string, Fresh<Value>>();
  const loading = new Map<string, Promise<Found<Value>>>();

  const set = (key: string, fresh: Fresh<Value>): void => {
    entries.delete(key);
    entries.set(key, fresh);
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
  };
  const load = async (key: string, run: () => Promise<Fresh<Value>>): Promise<Found<Value>> => {
    try {
      const fresh = await run();
      set(key, fresh);
      return { value: fresh.value, wasCached: false };
    } finally {
      loading.delete(key);
    }
  };
  return {
    set,
    async get(key, run) {
      const entry = entries.get(key);
      if (entry !== undefined && entry.untilMs > now().getTime()) {
        set(key, entry);
        return { value: entry.value, wasCached: true };
      }
      const running = loading.get(key) ?? load(key, run);
      loading.set(key, running);
      return running;
    },
    drop(key, value) {
      if (entries.get(key)?.value === value) entries.delete(key);
    },
    dropWhere(isDropped) {
      for (const key of entries.keys()) if (isDropped(key)) entries.delete(key);
    },
  };
}
