// Shows the lookups of host names: those that the system has not answered, those that wait for a thread, and those that failed.

import { Counter, Gauge, type Registry as MetricRegistry } from 'prom-client';

export interface LookupMetrics {
  observeFailure(reason: string): void;
  watch(counts: () => { readonly running: number; readonly waiting: number }): void;
}

/** Adds the metrics to a registry. */
export function addLookupMetrics(registry: MetricRegistry): LookupMetrics {
  const failures = new Counter({
    name: 'regway_dns_lookup_failures_total',
    help: 'Failed lookups of host names.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return {
    observeFailure: (reason) => failures.inc({ reason }),
    watch(counts) {
      const lookups = new Gauge({
        name: 'regway_dns_lookups',
        help: 'Lookups of host names that are running or waiting for a thread.',
        labelNames: ['state'],
        registers: [registry],
        collect() {
          for (const [state, count] of Object.entries(counts())) lookups.set({ state }, count);
        },
      });
    },
  };
}
