// Bounds the large operations that run at once, fairly per login: each holds its rows and its response in memory.

import { FairSlots, NoSlot, type Slot, type SlotCounts } from '../../../core/shared/fair-slots.ts';
import { limitError } from './limits.ts';

/** The places of large operations. */
export interface LargeOperations {
  /** Takes a place. @throws GraphqlRequestError 503 if none became free in time; the signal's reason. */
  acquire(owner: string, signal: AbortSignal | undefined): Promise<Slot>;
  counts(): SlotCounts;
}

/**
 * Two at once, so that one reads while the other is completed, and two more for logins that run none. The largest response has some 10 MiB,
 * and its rows as much again.
 */
const limits = {
  total: 2,
  perGroup: 2,
  reserve: 2,
  reservedPerOwner: 1,
  maxWaitMs: 10_000,
  maxWaiting: 256,
  maxWaitingPerOwner: 64,
  stallMs: 5_000,
};

/** Creates the places, all of them free. */
export function createLargeOperations(): LargeOperations {
  const slots = new FairSlots(limits, (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  });
  return {
    async acquire(owner, signal) {
      try {
        return await slots.acquire({ owner, group: '', signal });
      } catch (error) {
        if (!(error instanceof NoSlot)) throw error;
        throw limitError(
          'LARGE_OPERATIONS',
          'Too many large requests are running. Repeat the request later, or request smaller pages.',
          { status: 503, retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000) },
        );
      }
    },
    counts: () => slots.counts(),
  };
}

/** The large operations of this process. */
export const largeOperations = createLargeOperations();
