// Counts rate limits per minute in the memory of this process: each replica counts for itself, and a restart resets them.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimit } from '../../core/shared/rate-limit.ts';

const windowSeconds = 60;

/**
 * Creates a rate limit per key. The minute of a key starts with its first call.
 * @param perMinute The maximum number of calls per key and minute; 0 for no limit.
 */
export function createRateLimiter(perMinute: number): RateLimit {
  if (perMinute === 0) return { consume: async () => 0 };
  const limiter = new RateLimiterMemory({ points: perMinute, duration: windowSeconds });
  return {
    async consume(key) {
      try {
        await limiter.consume(key);
        return 0;
      } catch (rejection) {
        if (rejection instanceof RateLimiterRes) return Math.max(1, rejection.msBeforeNext);
        throw rejection;
      }
    },
  };
}
