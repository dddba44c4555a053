// Wires the store of a server to its log, its metrics, and its readiness.

import { type Store, storagePlace } from '../../database/store.ts';
import type { Log } from '../../server/ops/log.ts';
import type { Metrics } from '../../server/ops/metrics.ts';
import { createStorageFailures } from '../../server/ops/storage-failures.ts';
import type { StorageFacts } from '../../server/ops/storage-metrics.ts';
import type { Config } from '../config.ts';
import { monotonicMs, setTimer } from './clock.ts';
import { observedStore } from './observed-store.ts';
import { createReadiness, type Readiness } from './readiness.ts';

/** A store of which operators see how it is. */
export interface WatchedStore {
  readonly observed: Store;
  readonly readiness: Readiness;
  /** Must be closed, so that what was counted is logged. */
  readonly failures: { close(): Promise<void> };
}

/** Watches an open store. */
export async function watchStore(
  { databaseUrl }: Config,
  store: Store,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
): Promise<WatchedStore> {
  const now = (): Date => new Date();
  const failures = createStorageFailures({
    log,
    place: await storagePlace(databaseUrl),
    count: (code) => metrics.countStorageFailure(code),
    now,
    monotonicMs,
    setTimer,
  });
  const observed = observedStore(store, metrics, failures);
  const { figures, connections } = store;
  if (figures !== undefined)
    metrics.watchStore(() => {
      const { pending, logBytes } = figures();
      return { pendingScans: pending.scans, logBytes };
    });
  if (connections !== undefined) {
    metrics.watchPools(connections.pools);
    metrics.watchLockWaits(connections.lockWaits);
  }
  metrics.watchStorage(() => factsOf(observed, now().getTime()));
  return {
    observed,
    readiness: createReadiness({ store: observed, failures, now }),
    failures: { close: async () => failures.close() },
  };
}

async function factsOf({ audit, keys }: Store, nowMs: number): Promise<StorageFacts> {
  const [head, rows] = await Promise.all([audit.head(), keys.dataKeys()]);
  const active = rows.find(({ state }) => state === 'ACTIVE');
  return {
    auditSequence: head?.seq ?? 0,
    keyAgeSeconds: active === undefined ? Number.NaN : (nowMs - active.createdAt.getTime()) / 1000,
  };
}
