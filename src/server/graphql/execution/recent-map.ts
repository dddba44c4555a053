// A map that holds so many entries at most. When it is full it forgets those that were not used lately.

export interface RecentMap<Key, Value> {
  /** The value, which counts as a use. */
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
}

/** @param maxEntries the most that it holds. */
export function createRecentMap<Key, Value>(maxEntries: number): RecentMap<Key, Value> {
  // In the order of their last use.
  const entries = new Map<Key, Value>();
  const set = (key: Key, value: Value): void => {
    entries.delete(key);
    entries.set(key, value);
    const [oldest] = entries.size > maxEntries ? entries.keys() : [];
    if (oldest !== undefined) entries.delete(oldest);
  };
  return {
    get(key) {
      const value = entries.get(key);
      // To move an entry costs more than to find it, and while there is room the order decides nothing.
      if (value !== undefined && entries.size > maxEntries / 2) set(key, value);
      return value;
    },
    set,
  };
}
