// V8's heap, held at a size that costs little memory and little time.

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Each of the two halves of the young part may double while it is no larger than this. */
const mayDoubleBytes = 4 * 1024 * 1024;

/**
 * After the heap was collected whole, its old part may grow by so much of what was left, and 8 MiB and the young part, until it is again.
 * V8 decides by how fast it collects, up to fourfold. Many requests that wait for one commit leave there what they held: under 256
 * connections that create it grew from 25 MiB to 105 and more. Collecting it whole takes some 20 ms, once in some seconds, and once a second
 * under that load.
 */
const growingPercent = 50;

/** From now on, holds both parts of the heap. Call it after the start, which needs more than what comes after. */
export function boundHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
  boundYoungHeap();
}

/**
 * Lets each half of the young part, where objects begin, grow to 8 MiB and, but for collections that come faster than they can be told of,
 * no further. V8 shrinks them to 1 MiB once there was nothing to do for some seconds, and doubles them under load, up to 64 MiB, by how much
 * was ever in use while they were collected, so that any server gets there in time; a request leaves nothing behind, and gains nothing from
 * that. A collection takes a quarter of a millisecond, and a second of pages fills 8 MiB twenty times.
 */
function boundYoungHeap(): void {
  let factor = 0;
  const bound = (): void => {
    const wanted = capacityBytes() <= mayDoubleBytes ? 2 : 1;
    // V8 reads this flag each time that it would grow. The sizes themselves are read once, before the first line of a program runs.
    if (wanted !== factor) setFlagsFromString(`--semi-space-growth-factor=${wanted}`);
    factor = wanted;
  };
  bound();
  new PerformanceObserver(bound).observe({ entryTypes: ['gc'] });
}

/** Of one half. */
function capacityBytes(): number {
  const { space_used_size: used = 0, space_available_size: available = 0 } =
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space') ?? {};
  return used + available;
}
