// Limits how often each caller may do what loads other systems, through the port `RateLimit`.

import { Problem } from './problem.ts';

/** Limits how often each key may do something. */
export interface RateLimit {
  /** Takes one call from the key's allowance. Returns 0 if there was one left, else the milliseconds until there is. */
  take(key: string): Promise<number>;
}

/**
 * Takes one call from the allowance of the key.
 * @param exhausted The message when nothing is left: whole sentences, to which the time to wait is appended.
 * @throws Problem `RATE_LIMITED` with `retryAfter`.
 */
export async function consume(rateLimit: RateLimit, key: string, now: Date, exhausted: string): Promise<void> {
  const waitMs = await rateLimit.take(key);
  if (waitMs === 0) return;
  const retryAfter = now.getTime() + waitMs;
  const seconds = retryAfterSeconds(retryAfter, now.getTime());
  throw new Problem('RATE_LIMITED', `${exhausted} Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`, {
    retryAfter,
  });
}

/** Returns the value of a `Retry-After` header in whole seconds, at least 1 (RFC 9110 §10.2.3). Takes both times in epoch milliseconds. */
export function retryAfterSeconds(retryAfter: number, nowMs: number): number {
  return Math.max(1, Math.ceil((retryAfter - nowMs) / 1000));
}
