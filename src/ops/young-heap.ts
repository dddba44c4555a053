// The part of V8's heap where objects begin: held at a size that costs little memory and little time.

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** It is 1, 2, 4 or 8 MiB, less what V8 needs in it; a collection takes a quarter of a millisecond, and a second of pages fills the last twenty times. */
const enoughBytes = 6 * 1024 * 1024;

/**
 * Lets it grow to 8 MiB, and no further, from now on. V8 shrinks it to 1 MiB once there was nothing to do for some seconds, and doubles it
 * under load, up to 128 MiB, by how much was ever in use while it was collected, so that any server gets there in time; a request leaves
 * nothing behind, and gains nothing from that. Call it after the start.
 */
export function boundYoungHeap(): void {
  bound();
  new PerformanceObserver(bound).observe({ entryTypes: ['gc'] });
}

/** V8 reads this flag each time that it would grow. The sizes themselves are read once, before the first line of a program runs. */
function bound(): void {
  setFlagsFromString(`--semi-space-growth-factor=${capacityBytes() < enoughBytes ? 2 : 1}`);
}

function capacityBytes(): number {
  const { space_used_size: used = 0, space_available_size: available = 0 } = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space') ?? {};
  return used + available;
}
