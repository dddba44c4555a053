// Caches minted logins per registry: coalesces concurrent requests, renews at 80 % of the lifetime or after a refusal, and returns the old login until the new one arrives.
// Renewal is written by hand: lru-cache returns a stale value or an error, but has no second expiry of a value and caches no failure.

import { LRUCache } from 'lru-cache';
import type { Registry } from '../../core/registry/registry.ts';
import { CloudFailure } from './failure.ts';
import type { MintedCredential } from './provider.ts';

export type CachedRegistry = Pick<Registry, 'id' | 'version'>;

/** A login, numbered in the order in which those of one registry were issued, from 1. */
export interface CachedLogin extends MintedCredential {
  readonly number: number;
}

export interface CloudCache {
  /**
   * Returns the login of a registry at this version: the cached one while it is valid, else a new one from `issueLogin`.
   * @param after The number of a login that the registry refused: only a newer one is returned. Defaults to 0.
   * @throws the error of `issueLogin` if no such login is cached; the same error again, without a new attempt, for 10 seconds, or until the
   * time that the cloud named.
   */
  get(registry: CachedRegistry, issueLogin: () => Promise<MintedCredential>, after?: number): Promise<CachedLogin>;
  /** Returns the number of the newest login, 0 for none, and how often one was replaced because the registry refused it. */
  stateOf(registry: CachedRegistry): { readonly newest: number; readonly generation: number };
  /**
   * Makes `get` issue a new login after the registry refused one, at most once a minute. Returns whether a newer one is there or can be issued.
   * @param isRejected Whether the registry rejects the login itself. If not, other callers keep it until the new one arrives.
   */
  replace(registry: CachedRegistry, refused: number, isRejected: boolean): boolean;
  /** Replaces the login by one that the registry has accepted. */
  put(registry: CachedRegistry, minted: MintedCredential): void;
}

interface Entry {
  readonly version: number;
  login: CachedLogin | undefined;
  /** The number of the newest login. */
  newest: number;
  generation: number;
  /** Monotonic milliseconds at which the login ends. */
  endMs: number;
  /** Monotonic milliseconds after which a new login is issued. */
  renewMs: number;
  /** Monotonic milliseconds from which a refused login can be replaced again. */
  replaceableMs: number;
  failure: unknown;
  running: Promise<CachedLogin> | undefined;
}

/** The fraction of its lifetime after which a login is renewed. The rest bridges failures of the provider. */
const renewAfter = 0.8;

/** Milliseconds for which a failure is cached, so that repeated pulls do not repeat the request. Short, because the cause may have been fixed. */
const failurePauseMs = 10_000;

/** Milliseconds: Retry-After has whole seconds, so no client comes back earlier. */
const minFailurePauseMs = 1_000;

/** Maximum milliseconds for which a failure is cached because the cloud named a time. Rate limits of clouds last seconds. */
const maxFailurePauseMs = 5 * 60_000;

/** Milliseconds between two logins that are issued because the registry refused one. A refusal is often about one repository only. */
const replacementPauseMs = 60_000;

/** Milliseconds that a returned login must still be valid, because it must reach the registry first. */
const endMarginMs = 5_000;

/** Maximum number of cached logins, about 4 KiB each. */
const maxEntries = 2_000;

/** The clocks of a cache. */
export interface CacheClocks {
  /** Returns the time by which clouds name the end of a login. */
  readonly now: () => Date;
  /** Returns milliseconds of a clock that only runs forward. */
  readonly monotonicMs: () => number;
}

/** Creates an empty cache. */
export function createCloudCache({ now, monotonicMs }: CacheClocks): CloudCache {
  const entries = new LRUCache<string, Entry>({ max: maxEntries });
  const known = ({ id, version }: CachedRegistry): Entry | undefined => {
    const entry = entries.get(id);
    return entry?.version === version ? entry : undefined;
  };
  return {
    async get(registry, issueLogin, after = 0) {
      const entry = known(registry) ?? addEntry(entries, registry);
      const nowMs = monotonicMs();
      const login = alive(entry, nowMs);
      const current = login !== undefined && login.number > after ? login : undefined;
      if (nowMs < entry.renewMs) {
        if (current !== undefined) return current;
        if (entry.failure !== undefined) throw entry.failure;
      }
      const running = (entry.running ??= renew(entry, issueLogin, { now, monotonicMs }));
      if (current === undefined) return running;
      // The entry stores the failure, and this caller has a valid login.
      running.catch(() => undefined);
      return current;
    },
    stateOf(registry) {
      const { newest, generation } = known(registry) ?? { newest: 0, generation: 0 };
      return { newest, generation };
    },
    replace(registry, refused, isRejected) {
      const entry = known(registry);
      if (entry === undefined || entry.login?.isStored === true) return false;
      // Another pull was first, and the new login is there or on its way.
      if (entry.newest > refused || entry.running !== undefined) return true;
      if (monotonicMs() < entry.replaceableMs) return false;
      entry.replaceableMs = monotonicMs() + replacementPauseMs;
      entry.renewMs = -Infinity;
      entry.generation += 1;
      if (isRejected) entry.login = undefined;
      return true;
    },
    put(registry, minted) {
      // A validation of an older version can end last.
      if ((entries.peek(registry.id)?.version ?? 0) > registry.version) return;
      store(known(registry) ?? addEntry(entries, registry), minted, { now, monotonicMs });
    },
  };
}

/** Adds the entry of this version. A changed registry loses its cached login. */
function addEntry(entries: LRUCache<string, Entry>, { id, version }: CachedRegistry): Entry {
  const entry: Entry = {
    version,
    login: undefined,
    newest: 0,
    generation: 0,
    endMs: -Infinity,
    renewMs: -Infinity,
    replaceableMs: -Infinity,
    failure: undefined,
    running: undefined,
  };
  entries.set(id, entry);
  return entry;
}

function alive({ login, endMs }: Entry, nowMs: number): CachedLogin | undefined {
  return nowMs + endMarginMs < endMs ? login : undefined;
}

async function renew(
  entry: Entry,
  issueLogin: () => Promise<MintedCredential>,
  clocks: CacheClocks,
): Promise<CachedLogin> {
  try {
    return store(entry, await issueLogin(), clocks);
  } catch (error) {
    entry.failure = error;
    entry.renewMs = clocks.monotonicMs() + pauseMs(error, clocks.now().getTime());
    throw error;
  } finally {
    entry.running = undefined;
  }
}

function store(entry: Entry, minted: MintedCredential, { now, monotonicMs }: CacheClocks): CachedLogin {
  const [nowMs, lifetimeMs] = [monotonicMs(), minted.expiresAt.getTime() - now().getTime()];
  entry.newest += 1;
  entry.login = { ...minted, number: entry.newest };
  entry.endMs = nowMs + lifetimeMs;
  entry.renewMs = nowMs + lifetimeMs * renewAfter;
  entry.failure = undefined;
  return entry.login;
}

/** A cloud that names a time is requested again then, no earlier and no later. */
function pauseMs(error: unknown, nowMs: number): number {
  const retryAfter = error instanceof CloudFailure ? error.retryAfter : undefined;
  if (retryAfter === undefined) return failurePauseMs;
  return Math.min(Math.max(retryAfter - nowMs, minFailurePauseMs), maxFailurePauseMs);
}
