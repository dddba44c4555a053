// Shows how the storage is: its failures, the connections to it, waits for locks, how far the audit trail has grown, and how old its key is.

import { Counter, Gauge, type Registry as MetricRegistry } from 'prom-client';
import { cachedRead } from './cached-read.ts';

/** The connections of one pool. */
export interface PoolCounts {
  readonly inUse: number;
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

/** What only the database knows. */
export interface StorageFacts {
  /** The place of the last event in the audit trail. */
  readonly auditSequence: number;
  /** Seconds since the key that seals passwords was created. */
  readonly keyAgeSeconds: number;
}

/** The metrics of the storage. */
export interface StorageMetrics {
  /** Counts a failed call. @param code from a list with an end. */
  countStorageFailure(code: string): void;
  /** Reads at each scrape the pools that are open, by what they are for. */
  watchPools(read: () => ReadonlyMap<string, PoolCounts>): void;
  /** Reads the database at scrapes, at most every 10 s. */
  watchStorage(read: () => Promise<StorageFacts>): void;
  /** The same for connections of Regway that wait for a lock, on a database that says so. */
  watchLockWaits(read: () => Promise<number>): void;
}

const unknown: StorageFacts = { auditSequence: Number.NaN, keyAgeSeconds: Number.NaN };

/** Adds the metrics to a registry. */
export function addStorageMetrics(registry: MetricRegistry): StorageMetrics {
  const failures = new Counter({
    name: 'regway_store_failures_total',
    help: 'Calls of the store that failed, by the code of the driver.',
    labelNames: ['code'],
    registers: [registry],
  });
  return {
    countStorageFailure: (code) => failures.inc({ code }),
    watchPools: (read) => addPoolMetrics(registry, read),
    watchStorage(read) {
      const facts = cachedRead(read, unknown);
      addAwaitedGauge(
        registry,
        'regway_audit_sequence',
        'The place of the last event in the audit trail. NaN while the database does not answer.',
        async () => (await facts()).auditSequence,
      );
      addAwaitedGauge(
        registry,
        'regway_key_age_seconds',
        'Time since the key that seals passwords was created. NaN while the database does not answer.',
        async () => (await facts()).keyAgeSeconds,
      );
    },
    watchLockWaits: (read) =>
      addAwaitedGauge(
        registry,
        'regway_store_lock_waits',
        'Connections of Regway to PostgreSQL, of all replicas, that wait for a lock. NaN while the database does not answer.',
        cachedRead(read, Number.NaN),
      ),
  };
}

function addAwaitedGauge(registry: MetricRegistry, name: string, help: string, read: () => Promise<number>): void {
  void new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      this.set(await read());
    },
  });
}

function addPoolMetrics(registry: MetricRegistry, read: () => ReadonlyMap<string, PoolCounts>): void {
  void new Gauge({
    name: 'regway_store_pool_connections',
    help: 'Connections to PostgreSQL by pool: in use, or idle.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [pool, { inUse, idle }] of read()) {
        this.set({ pool, state: 'in_use' }, inUse);
        this.set({ pool, state: 'idle' }, idle);
      }
    },
  });
  void new Gauge({
    name: 'regway_store_pool_waiting',
    help: 'Calls that wait for a connection to PostgreSQL, by pool.',
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [pool, { waiting }] of read()) this.set({ pool }, waiting);
    },
  });
}
