// Limits how many new registries a principal may name in anonymous pulls: more than a build or cluster needs is a scan of the network.

import { LRUCache } from 'lru-cache';
import type { NewHosts } from '../../core/pulls/anonymous.ts';
import { createRateLimiter } from './rate-limiter.ts';

/** A cluster pulls from a dozen registries. */
const newHostsPerMinute = 20;

/** Milliseconds for which a host is known after a login named it. */
const knownMs = 60 * 60_000;

/** Hosts of all logins together, some 100 bytes each. A host that is displaced counts as new again. */
const maxKnown = 20_000;

/** Creates the limit. It counts in the memory of this process. */
export function createNewHosts(): NewHosts {
  const rateLimit = createRateLimiter(newHostsPerMinute);
  const known = new LRUCache<string, true>({ max: maxKnown, ttl: knownMs });
  /** Many pulls that arrive at once name one host once. */
  const deciding = new Map<string, Promise<number>>();
  const decide = async (login: string, key: string): Promise<number> => {
    try {
      const waitMs = await rateLimit.consume(login);
      if (waitMs === 0) known.set(key, true);
      return waitMs;
    } finally {
      deciding.delete(key);
    }
  };
  return {
    async consume(login, host) {
      const key = `${login} ${host}`;
      if (known.has(key)) return 0;
      const decision = deciding.get(key) ?? decide(login, key);
      deciding.set(key, decision);
      return decision;
    },
  };
}
