// Budgets of a minute, counted in the memory of this process: each replica counts for itself, and a restart forgets.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimit } from '../../core/shared/rate-limit.ts';

const windowSeconds = 60;

/**
 * A budget for each key that begins with the key's first use and is whole again a minute later.
 * @param perMinute 0 for no limit.
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
