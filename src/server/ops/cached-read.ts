// Reads a value of the database for scrapes: not more often than it is worth, and without letting a scrape wait for a database that does not answer.

import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds for which a value is shown without being read again, however many scrapes there are. */
const lifetimeMs = 10_000;

/** Milliseconds that a scrape waits for the database: Prometheus gives a scrape up after 10 s, and would lose all other metrics with it. */
const maxWaitMs = 3_000;

/** Returns a function that returns the value, or `unknown` while the database does not answer. */
export function cachedRead<T>(read: () => Promise<T>, unknown: T): () => Promise<T> {
  let readAtMs = Number.NEGATIVE_INFINITY;
  let latest: Promise<T> | undefined;
  return () => {
    if (latest === undefined || performance.now() - readAtMs > lifetimeMs) {
      readAtMs = performance.now();
      // Without the database there is no value, and the other metrics matter more than ever.
      latest = Promise.race([read(), pause(maxWaitMs, unknown, { ref: false })]).catch(() => unknown);
    }
    return latest;
  };
}
