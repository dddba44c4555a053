// Counts rate limits per minute in the memory of this process: each replica counts for itself, and a restart resets them.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimit } from '../../core/shared/rate-limit.ts';

const windowSeconds = 60;

/**
 * Creates a rate limit per key: the minute begins with the key's first use.
 * @param perMinute The number of uses per minute; 0 for no limit.
 */
export function createRateLimiter(perMinute: number): RateLimit {
  if (perMinute === 0) return { take: async () => 0 };
  const limiter = new RateLimiterMemory({ points: perMinute, duration: windowSeconds });
  return {
    async take(key) {
      try {
        await limiter.consume(key);
        return 0;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
        throw refusal;
      }
    },
  };
}
