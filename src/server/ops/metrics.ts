// Collects Prometheus metrics: requests and latency by route, validations by outcome, event-loop delay, and memory. Labels come from closed lists.

import { collectDefaultMetrics, Counter, Histogram, Registry as MetricRegistry } from 'prom-client';
import { addFlowMetrics, type Flows } from './flow-metrics.ts';

/** The metrics of the server. */
export interface Metrics {
  /** Counts a request. @param route The name of its route. @param durationMs In milliseconds. */
  observeRequest(route: string, method: string, status: number, durationMs: number): void;
  /** Counts a validation. @param durationMs In milliseconds. */
  observeValidation(outcome: string, durationMs: number): void;
  /** Shows what clients hold and wait for. Call it once. @param read Called each time the metrics are rendered. */
  observeFlows(read: () => Flows): void;
  /** Returns the metrics in the Prometheus text format, and its media type. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** A GraphQL response needs about 1 ms, a validation up to 15 s. */
const latencyBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
/** Other methods share one label: a client can send any text as a method, and each would create a new series. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Creates the metrics, in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new MetricRegistry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 10 });
  const requests = new Counter({
    name: 'regway_http_requests_total',
    help: 'HTTP requests.',
    labelNames: ['route', 'method', 'status'],
    registers: [registry],
  });
  const latency = new Histogram({
    name: 'regway_http_request_duration_seconds',
    help: 'Time from the request to the end of its response.',
    labelNames: ['route'],
    buckets: latencyBucketsSeconds,
    registers: [registry],
  });
  const validations = new Counter({
    name: 'regway_validations_total',
    help: 'Finished validations.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const validationTime = new Histogram({
    name: 'regway_validation_duration_seconds',
    help: 'Duration of a validation.',
    buckets: latencyBucketsSeconds,
    registers: [registry],
  });
  return {
    observeRequest: (route, method, status, durationMs) => {
      requests.inc({ route, method: knownMethods.has(method) ? method : 'other', status });
      latency.observe({ route }, durationMs / 1000);
    },
    observeValidation: (outcome, durationMs) => {
      validations.inc({ outcome });
      validationTime.observe(durationMs / 1000);
    },
    observeFlows: (read) => addFlowMetrics(registry, read),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
