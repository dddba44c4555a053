// A map that holds so many entries at most and forgets the one that was used longest ago.

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
      if (value !== undefined) set(key, value);
      return value;
    },
    set,
  };
}
