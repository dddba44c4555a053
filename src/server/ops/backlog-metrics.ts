// Shows how many registries wait for a scheduled validation, and for how long.

import { setTimeout as pause } from 'node:timers/promises';
import { Gauge, type Registry as MetricRegistry } from 'prom-client';

/** The registries that wait for a scheduled validation. */
export interface Backlog {
  readonly count: number;
  /** Seconds since the first of them was due; 0 for none. */
  readonly oldestSeconds: number;
}

/** Milliseconds for which a backlog is shown without being counted again, however many scrapes there are. */
const lifetimeMs = 10_000;

/** Milliseconds that a scrape waits for the database: Prometheus gives a scrape up after 10 s, and would lose all other metrics with it. */
const maxWaitMs = 3_000;

const unknown: Backlog = { count: Number.NaN, oldestSeconds: Number.NaN };

/** Adds the backlog. @param read Reads it from the database. */
export function addBacklogMetrics(registry: MetricRegistry, read: () => Promise<Backlog>): void {
  let readAtMs = Number.NEGATIVE_INFINITY;
  let latest: Promise<Backlog> | undefined;
  const backlog = (): Promise<Backlog> => {
    if (latest === undefined || performance.now() - readAtMs > lifetimeMs) {
      readAtMs = performance.now();
      // Without the database there is no number, and the other metrics matter more than ever.
      latest = Promise.race([read(), pause(maxWaitMs, unknown, { ref: false })]).catch(() => unknown);
    }
    return latest;
  };
  void new Gauge({
    name: 'regway_revalidation_due_registries',
    help: 'Registries that are due for a scheduled validation, counted up to 100000. NaN while the database does not answer.',
    registers: [registry],
    async collect() {
      this.set((await backlog()).count);
    },
  });
  void new Gauge({
    name: 'regway_revalidation_oldest_due_seconds',
    help: 'Time since the first of these registries was due; 0 if none is. NaN while the database does not answer.',
    registers: [registry],
    async collect() {
      this.set((await backlog()).oldestSeconds);
    },
  });
}
