// Declares the port `RateLimit`, which limits how often a caller may start work that loads other systems.

import { Problem } from './problem.ts';

/** Counts calls per key, and limits how many are allowed in a period. */
export interface RateLimit {
  /** Consumes one call of the key. Returns 0 if it is allowed, else the milliseconds until the next one is. */
  consume(key: string): Promise<number>;
}

/**
 * Consumes one call of the key.
 * @param exhausted The message when none is left: whole sentences, to which the time to wait is appended.
 * @throws Problem `RATE_LIMITED` with `retryAfter`.
 */
export async function consume(rateLimit: RateLimit, key: string, now: Date, exhausted: string): Promise<void> {
  const waitMs = await rateLimit.consume(key);
  if (waitMs === 0) return;
  const retryAfter = now.getTime() + waitMs;
  const seconds = retryAfterSeconds(retryAfter, now.getTime());
  throw new Problem('RATE_LIMITED', `${exhausted} Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`, {
    retryAfter,
  });
}

/** Returns the value of a `Retry-After` header in whole seconds, at least 1 (RFC 9110 §10.2.3). Both parameters are in epoch milliseconds. */
export function retryAfterSeconds(retryAfter: number, nowMs: number): number {
  return Math.max(1, Math.ceil((retryAfter - nowMs) / 1000));
}
