// Bounds the decodings that run at once, fairly per login: each holds the window of its coding.

import { FairSlots, NoSlot, type Slot, type SlotCounts } from '../../../core/shared/fair-slots.ts';
import { OciError } from '../errors.ts';

/** The places. */
export interface DecodingSlots {
  /** Takes a place for one decoding. @throws OciError 503 if none became free in time; the signal's reason. */
  acquire(owner: string, signal: AbortSignal): Promise<Slot>;
  counts(): SlotCounts;
}

/**
 * Windows are 16 MiB at most (Brotli), so these hold 128 MiB. Few registries label content with a coding, and what they label is small: a decoding
 * takes some milliseconds, unless its client is slow.
 */
const limits = {
  total: 4,
  perGroup: 4,
  reserve: 4,
  reservedPerOwner: 1,
  maxWaitMs: 10_000,
  maxWaiting: 1_024,
  maxWaitingPerOwner: 256,
  stallMs: 5_000,
};

/** Creates the places, all of them free. */
export function createDecodingSlots(): DecodingSlots {
  const slots = new FairSlots(limits, (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  });
  return {
    async acquire(owner, signal) {
      try {
        return await slots.acquire({ owner, group: '', signal });
      } catch (error) {
        throw error instanceof NoSlot ? busy(error) : error;
      }
    },
    counts: () => slots.counts(),
  };
}

function busy({ retryAfterMs }: NoSlot): OciError {
  return new OciError(
    503,
    'UNAVAILABLE',
    'Too many pulls of content with a content coding are running. Repeat the request later.',
    { 'Retry-After': Math.ceil(retryAfterMs / 1000) },
  );
}
