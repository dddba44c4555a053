// Collects Prometheus metrics of the process, of HTTP, and of the store. Labels come from closed lists, so the number of series is bounded.

import { STATUS_CODES } from 'node:http';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry as MetricRegistry } from 'prom-client';
import { addBacklogMetrics, type Backlog } from './backlog-metrics.ts';
import { addFlowMetrics, type Flows } from './flow-metrics.ts';
import { addLookupMetrics, type LookupMetrics } from './lookup-metrics.ts';
import { addStorageMetrics, type StorageMetrics } from './storage-metrics.ts';
import { addUpstreamMetrics, type UpstreamMetrics } from './upstream-metrics.ts';

/** The metrics of the server. */
export interface Metrics extends UpstreamMetrics, StorageMetrics {
  /** Counts a request that has begun. @param route The name of its route. */
  beginRequest(route: string): void;
  /** Counts a request that has ended. @param route The name of its route. @param durationMs In milliseconds; undefined for a stream, whose client decides it. */
  observeRequest(route: string, method: string, status: number, durationMs: number | undefined): void;
  /** Counts a change of the store that begins. Returns the function that counts its end. */
  beginWrite(): () => void;
  /** Reads at each scrape how many uses of credentials are not stored yet. */
  watchUnwrittenUses(count: () => number): void;
  /** Counts usage that was deleted because of its age. */
  countDeletedUses(counts: number): void;
  /** Reads at each scrape how the embedded database is. */
  watchStore(read: () => StoreState): void;
  /** Reads at each rendering what clients hold and wait for. */
  observeFlows(read: () => Flows): void;
  /** Reads at each scrape what is open. */
  watchOpen(read: () => OpenCounts): void;
  readonly lookups: LookupMetrics;
  /** Reads the backlog of scheduled validations at scrapes, at most every 10 s. */
  watchBacklog(read: () => Promise<Backlog>): void;
  /** Returns the metrics in the Prometheus text format, and its media type. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** The state of the embedded database. */
export interface StoreState {
  /** Long reads that wait for their thread or run on it. */
  readonly pendingScans: number;
  /** Bytes of the write-ahead log. */
  readonly logBytes: number;
}

/** What is open in this process. */
export interface OpenCounts {
  /** Sessions of the console. */
  readonly sessions: number;
  /** Subscriptions to changes. */
  readonly streams: number;
  /** Credentials that are held back because a registry rejected them. */
  readonly circuits: number;
}

/** What the metrics show. */
export interface MetricsOptions {
  /** The version of Regway. */
  readonly version?: string;
  /** Whether metrics have registry hosts as labels. Defaults to false, because everyone who can read the metrics would see them. */
  readonly showsHosts?: boolean;
}

/** A GraphQL response needs about 1 ms, a validation up to 15 s. */
const latencyBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
/** Other methods share one label: a client can send any text as a method, and each would create a new series. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);
/** As nginx: the client disconnected. */
const clientDisconnected = 499;

/** Creates the metrics, in a registry of their own. */
export function createMetrics({ version = 'unknown', showsHosts = false }: MetricsOptions = {}): Metrics {
  const registry = new MetricRegistry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 10 });
  new Gauge({
    name: 'regway_build_info',
    help: 'Always 1; the version is a label.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  return {
    ...addHttpMetrics(registry),
    ...addStoreMetrics(registry),
    ...addStorageMetrics(registry),
    ...addUpstreamMetrics(registry, showsHosts),
    watchOpen: (read) => addOpenMetrics(registry, read),
    observeFlows: (read) => addFlowMetrics(registry, read),
    lookups: addLookupMetrics(registry),
    watchBacklog: (read) => addBacklogMetrics(registry, read),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function addHttpMetrics(registry: MetricRegistry): Pick<Metrics, 'beginRequest' | 'observeRequest'> {
  const requests = new Counter({
    name: 'regway_http_requests_total',
    help: 'HTTP requests.',
    labelNames: ['route', 'method', 'status'],
    registers: [registry],
  });
  const latency = new Histogram({
    name: 'regway_http_request_duration_seconds',
    help: 'Time from the request to the end of its response, event streams excluded.',
    labelNames: ['route'],
    buckets: latencyBucketsSeconds,
    registers: [registry],
  });
  const inFlight = new Gauge({
    name: 'regway_http_requests_in_flight',
    help: 'HTTP requests whose response has not ended, streams included.',
    labelNames: ['route'],
    registers: [registry],
  });
  return {
    beginRequest: (route) => inFlight.inc({ route }),
    observeRequest: (route, method, status, durationMs) => {
      inFlight.dec({ route });
      requests.inc({ route, method: knownMethods.has(method) ? method : 'other', status: statusLabel(status) });
      if (durationMs !== undefined) latency.observe({ route }, durationMs / 1000);
    },
  };
}

/** An upstream can answer a pull with any status: those that nobody knows share one label. */
function statusLabel(status: number): string {
  return status === clientDisconnected || STATUS_CODES[status] !== undefined ? String(status) : 'other';
}

function addStoreMetrics(
  registry: MetricRegistry,
): Pick<Metrics, 'beginWrite' | 'watchUnwrittenUses' | 'countDeletedUses' | 'watchStore'> {
  const pending = new Gauge({
    name: 'regway_store_writes_pending',
    help: 'Changes of the store that wait for others or for their commit.',
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'regway_store_write_duration_seconds',
    help: 'Time of a change of the store, from its call to its commit.',
    buckets: latencyBucketsSeconds,
    registers: [registry],
  });
  const deletedUses = new Counter({
    name: 'regway_uses_deleted_total',
    help: 'Counts of usage that were deleted because of their age.',
    registers: [registry],
  });
  return {
    beginWrite() {
      const started = performance.now();
      pending.inc();
      return () => {
        pending.dec();
        duration.observe((performance.now() - started) / 1000);
      };
    },
    watchUnwrittenUses: (count) =>
      addReadGauge(
        registry,
        'regway_uses_unwritten',
        'Uses of credentials that are counted in memory and not stored yet.',
        count,
      ),
    countDeletedUses: (counts) => deletedUses.inc(counts),
    watchStore(read) {
      addReadGauge(
        registry,
        'regway_store_scans_pending',
        'Reads of many rows of SQLite that wait for their thread or run on it.',
        () => read().pendingScans,
      );
      addReadGauge(
        registry,
        'regway_store_log_bytes',
        'Bytes of the write-ahead log of SQLite.',
        () => read().logBytes,
      );
    },
  };
}

function addOpenMetrics(registry: MetricRegistry, read: () => OpenCounts): void {
  addReadGauge(registry, 'regway_sessions', 'Sessions of the console on this replica.', () => read().sessions);
  addReadGauge(registry, 'regway_streams', 'Open subscriptions to changes of registries.', () => read().streams);
  addReadGauge(
    registry,
    'regway_circuits_open',
    'Stored credentials that a registry rejected within the last minute, and that are not sent again before.',
    () => read().circuits,
  );
}

/** Adds a gauge whose value is read at each scrape. */
function addReadGauge(registry: MetricRegistry, name: string, help: string, read: () => number): void {
  void new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
