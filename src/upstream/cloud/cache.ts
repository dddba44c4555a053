// Caches minted logins: one minting in flight per registry, renewed at 80 % of its lifetime while the old login is returned, no registry delayed by another.
// Renewal is written by hand: lru-cache returns a stale value or an error, but knows no second end of a value, and remembers no failure.

import { LRUCache } from 'lru-cache';
import type { Registry } from '../../core/registry/registry.ts';
import type { MintedCredential } from './provider.ts';

type CachedRegistry = Pick<Registry, 'id' | 'version'>;

interface CloudCache {
  /**
   * The login of a registry at this version: the one at hand while it lives, else what `mint` gives.
   * @throws what `mint` throws when there is no login at hand; the same again, without minting, for a few seconds after that.
   */
  get(registry: CachedRegistry, issueLogin: () => Promise<MintedCredential>): Promise<MintedCredential>;
}

interface Entry {
  readonly version: number;
  minted: MintedCredential | undefined;
  /** Epoch milliseconds from which a new one is minted. */
  renewMs: number;
  failure: unknown;
  running: Promise<MintedCredential> | undefined;
}

/** The part of its life after which a login is renewed; the rest is for a provider that fails meanwhile. */
const renewAfter = 0.8;

/** A pull loop must not turn into a loop of mintings; a person who mended the cause waits no longer than this. */
const failurePauseMs = 10_000;

/** A login that ends sooner is not handed out: it has to get to the registry first. */
const endMarginMs = 5_000;

/** Some 4 KiB each. */
const maxEntries = 2_000;

/** An empty cache. */
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
      // Its failure is remembered in the entry, and this caller has a login.
      running.catch(() => undefined);
      return current;
    },
  };
}

/** Returns the entry of this version, now the last to be evicted; a changed registry loses what was minted before. */
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
