// Caches a value from elsewhere: renews it when old, serves the old one while the source is down, and limits how often the source is contacted.
// By hand: a cooldown between loads and a clock that may be set back would need more code around lru-cache than there is here.

export interface KeptOptions<Value> {
  readonly load: () => Promise<Value>;
  /** Until this age the value is used without asking. */
  readonly freshMs: number;
  /** Until this age the value is used while nothing newer can be had. */
  readonly maxAgeMs: number;
  /** Between the beginnings of two loads. */
  readonly cooldownMs: number;
  readonly now: () => Date;
  readonly onFailure: (error: unknown) => void;
}

export interface SwrCache<Value> {
  /** @throws NothingCached when there is no value that may be used. */
  get(): Promise<Value>;
  /** Loads now, unless that was done a moment ago, and gives what there is then. @throws NothingCached */
  renew(): Promise<Value>;
}

/** There is no value yet, or it is too old, and none can be had for now. */
export class NothingCached extends Error {
  override readonly name = 'NothingKept';
  readonly code = 'NOTHING_KEPT';
}

interface State<Value> {
  value: Value | undefined;
  loadedAt: number;
  triedAt: number;
  /** The load that is under way; it never rejects. */
  loading: Promise<void> | undefined;
  hasFailed: boolean;
}

/** Loads nothing before it is asked. */
export function createSwrCache<Value extends object>(options: KeptOptions<Value>): SwrCache<Value> {
  const { freshMs, maxAgeMs, cooldownMs } = options;
  const state: State<Value> = {
    value: undefined,
    loadedAt: -Infinity,
    triedAt: -Infinity,
    loading: undefined,
    hasFailed: false,
  };
  // A clock that was set back makes things old, not new for ever.
  const ageOf = (atMs: number) => Math.abs(options.now().getTime() - atMs);
  const usable = (): Value | undefined => (ageOf(state.loadedAt) < maxAgeMs ? state.value : undefined);
  const load = async (): Promise<void> => {
    if (state.loading === undefined && ageOf(state.triedAt) >= cooldownMs) {
      state.triedAt = options.now().getTime();
      state.loading = loadInto(state, options).finally(() => {
        state.loading = undefined;
      });
    }
    await state.loading;
  };
  const current = (): Value => {
    const value = usable();
    if (value === undefined) throw new NothingCached('Nothing is kept that could be used.');
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

async function loadInto<Value>(state: State<Value>, { load, now, onFailure }: KeptOptions<Value>): Promise<void> {
  try {
    state.value = await load();
    state.loadedAt = now().getTime();
    state.hasFailed = false;
  } catch (error) {
    state.hasFailed = true;
    onFailure(error);
  }
}
