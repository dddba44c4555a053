// Budgets: how often somebody may do what costs others something, and what is said when nothing is left.

import { Problem } from './problem.ts';

/**
 * Takes one from the budget of the key.
 * @param spent What the caller is told when nothing is left: whole sentences, to which the time to wait is added.
 * @throws Problem `RATE_LIMITED` with `retryAfter`.
 */
export async function consume(budget: RateLimit, key: string, now: Date, spent: string): Promise<void> {
  const waitMs = await budget.take(key);
  if (waitMs === 0) return;
  const retryAfter = now.getTime() + waitMs;
  const seconds = retryAfterSeconds(retryAfter, now.getTime());
  throw new Problem('RATE_LIMITED', `${spent} Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`, {
    retryAfter,
  });
}

/** The number of a `Retry-After` header, in seconds: 1 at least (RFC 9110 §10.2.3). Both times in epoch milliseconds. */
export function retryAfterSeconds(retryAfter: number, nowMs: number): number {
  return Math.max(1, Math.ceil((retryAfter - nowMs) / 1000));
}

/** How often each key may do something in a while. */
export interface RateLimit {
  /** Takes one from what the key has left. Gives 0 when there was one, and otherwise the milliseconds until there is. */
  take(key: string): Promise<number>;
}
