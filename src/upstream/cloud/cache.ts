// Caches minted logins per registry: coalesces concurrent requests, renews at 80 % of the lifetime, and returns the old login until the new one arrives.
// Renewal is written by hand: lru-cache returns a stale value or an error, but has no second expiry of a value and caches no failure.

import { LRUCache } from 'lru-cache';
import type { Registry } from '../../core/registry/registry.ts';
import type { MintedCredential } from './provider.ts';

type CachedRegistry = Pick<Registry, 'id' | 'version'>;

interface CloudCache {
  /**
   * Returns the login of a registry at this version: the cached one while it is valid, else a new one from `issueLogin`.
   * @throws the error of `issueLogin` if no valid login is cached; the same error again, without a new attempt, for 10 seconds.
   */
  get(registry: CachedRegistry, issueLogin: () => Promise<MintedCredential>): Promise<MintedCredential>;
}

interface Entry {
  readonly version: number;
  minted: MintedCredential | undefined;
  /** Unix time in milliseconds after which a new login is issued. */
  renewMs: number;
  failure: unknown;
  running: Promise<MintedCredential> | undefined;
}

/** The fraction of its lifetime after which a login is renewed. The rest bridges failures of the provider. */
const renewAfter = 0.8;

/** Milliseconds for which a failure is cached, so that repeated pulls do not repeat the request. Short, because the cause may have been fixed. */
const failurePauseMs = 10_000;

/** Milliseconds that a returned login must still be valid, because it must reach the registry first. */
const endMarginMs = 5_000;

/** Maximum number of cached logins, about 4 KiB each. */
const maxEntries = 2_000;

/** Creates an empty cache. */
export function createCloudCache(now: () => Date): CloudCache {
  const entries = new LRUCache<string, Entry>({ max: maxEntries });
  const nowMs = (): number => now().getTime();
  return {
    async get({ id, version }, issueLogin) {
      const entry = entryOf(entries, id, version);
      const current = alive(entry, nowMs());
      if (nowMs() < entry.renewMs) {
        if (current !== undefined) return current;
        if (entry.failure !== undefined) throw entry.failure;
      }
      const running = (entry.running ??= renew(entry, issueLogin, nowMs));
      if (current === undefined) return running;
      // The entry stores the failure, and this caller has a valid login.
      running.catch(() => undefined);
      return current;
    },
  };
}

/** Returns the entry of this version and marks it as recently used. A changed registry loses its cached login. */
function entryOf(entries: LRUCache<string, Entry>, id: string, version: number): Entry {
  const known = entries.get(id);
  if (known?.version === version) return known;
  const entry = { version, minted: undefined, renewMs: 0, failure: undefined, running: undefined };
  entries.set(id, entry);
  return entry;
}

function alive({ minted }: Entry, nowMs: number): MintedCredential | undefined {
  return minted !== undefined && nowMs + endMarginMs < minted.expiresAt.getTime() ? minted : undefined;
}

async function renew(
  entry: Entry,
  issueLogin: () => Promise<MintedCredential>,
  nowMs: () => number,
): Promise<MintedCredential> {
  try {
    const minted = await issueLogin();
    const mintedMs = nowMs();
    entry.minted = minted;
    entry.renewMs = mintedMs + (minted.expiresAt.getTime() - mintedMs) * renewAfter;
    entry.failure = undefined;
    return minted;
  } catch (error) {
    entry.failure = error;
    entry.renewMs = nowMs() + failurePauseMs;
    throw error;
  } finally {
    entry.running = undefined;
  }
}
