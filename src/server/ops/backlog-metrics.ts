// Shows how many registries wait for a scheduled validation, and for how long.

import { Gauge, type Registry as MetricRegistry } from 'prom-client';
import { cachedRead } from './cached-read.ts';

/** The registries that wait for a scheduled validation. */
export interface Backlog {
  readonly count: number;
  /** Seconds since the first of them was due; 0 for none. */
  readonly oldestSeconds: number;
}

const unknown: Backlog = { count: Number.NaN, oldestSeconds: Number.NaN };

/** Adds the backlog. @param read Reads it from the database. */
export function addBacklogMetrics(registry: MetricRegistry, read: () => Promise<Backlog>): void {
  const backlog = cachedRead(read, unknown);
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
