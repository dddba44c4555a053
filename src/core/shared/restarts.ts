// Limits how often a part that dies is started again: a fault that returns at once must end in a report, not in a loop.

const maxRestarts = 3;
const windowMs = 60_000;

/**
 * Creates the count of one part's deaths.
 * @param now returns milliseconds of a monotonic clock.
 * @returns what notes a death and returns whether another start can help: false after more than 3 deaths within a minute.
 */
export function createRestartLimit(now: () => number): () => boolean {
  let deaths: number[] = [];
  return () => {
    deaths = [...deaths.filter((at) => now() - at < windowMs), now()];
    return deaths.length <= maxRestarts;
  };
}
