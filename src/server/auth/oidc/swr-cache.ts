// Caches one loaded value: renews it when it is stale, serves the stale value while the source is down, and limits how often the source is contacted.
// Written by hand: a cooldown between loads would need more code around lru-cache than this file has.

/** The source of the value, and its ages in milliseconds. */
export interface SwrCacheOptions<Value> {
  readonly load: () => Promise<Value>;
  /** Up to this age the value is returned without a load. */
  readonly freshMs: number;
  /** Up to this age the value is returned while loads fail. */
  readonly maxAgeMs: number;
  /** The minimum between the starts of two loads. */
  readonly cooldownMs: number;
  /** Returns milliseconds of a clock that only runs forward, so that no age depends on what is set on the machine. */
  readonly monotonicMs: () => number;
  readonly onFailure: (error: unknown) => void;
}

/** A cached value. */
export interface SwrCache<Value> {
  /** Returns the value and loads it if it is stale. @throws NothingCached if no value is usable. */
  get(): Promise<Value>;
  /** Loads the value, unless the last load started within the cooldown, and returns the current one. @throws NothingCached if no value is usable. */
  renew(): Promise<Value>;
}

/** No cached value is usable, and none could be loaded. */
export class NothingCached extends Error {
  override readonly name = 'NothingCached';
  readonly code = 'NOTHING_KEPT';
}

interface State<Value> {
  value: Value | undefined;
  loadedAt: number;
  triedAt: number;
  /** The load in progress; it never rejects. */
  loading: Promise<void> | undefined;
  hasFailed: boolean;
}

/** Creates a cache. The first `get` or `renew` loads the value; concurrent calls share one load. */
export function createSwrCache<Value extends object>(options: SwrCacheOptions<Value>): SwrCache<Value> {
  const { freshMs, maxAgeMs, cooldownMs } = options;
  const state: State<Value> = {
    value: undefined,
    loadedAt: -Infinity,
    triedAt: -Infinity,
    loading: undefined,
    hasFailed: false,
  };
  const ageOf = (atMs: number) => options.monotonicMs() - atMs;
  const usable = (): Value | undefined => (ageOf(state.loadedAt) < maxAgeMs ? state.value : undefined);
  const load = async (): Promise<void> => {
    if (state.loading === undefined && ageOf(state.triedAt) >= cooldownMs) {
      state.triedAt = options.monotonicMs();
      state.loading = loadInto(state, options).finally(() => {
        state.loading = undefined;
      });
    }
    await state.loading;
  };
  const current = (): Value => {
    const value = usable();
    if (value === undefined) throw new NothingCached('No cached value is usable.');
    return value;
  };
  return {
    async get() {
      if (ageOf(state.loadedAt) < freshMs) return current();
      const loaded = load();
      // No caller waits for a source that is down while the old value is usable.
      if (!state.hasFailed || usable() === undefined) await loaded;
      return current();
    },
    async renew() {
      await load();
      return current();
    },
  };
}

async function loadInto<Value>(
  state: State<Value>,
  { load, monotonicMs, onFailure }: SwrCacheOptions<Value>,
): Promise<void> {
  try {
    state.value = await load();
    state.loadedAt = monotonicMs();
    state.hasFailed = false;
  } catch (error) {
    state.hasFailed = true;
    onFailure(error);
  }
}
