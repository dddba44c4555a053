// Collects Prometheus metrics of what Regway does at registries: validations, pulls, requests, and cached tokens.

import { Counter, Histogram, type Registry as MetricRegistry } from 'prom-client';
import { validationOutcomes } from '../../core/registry/report.ts';

/** The metrics of upstream registries. */
export interface UpstreamMetrics {
  /** Counts a validation. @param durationMs In milliseconds. @param host The registry host. */
  observeValidation(outcome: string, durationMs: number, host: string): void;
  /** Counts a pull that reached an upstream. @param outcome `DONE`, or the outcome of its failure. @param host The registry host. */
  observePull(outcome: string, host: string): void;
  /** Counts a request to a registry, token server, or storage. @param result The status, or the outcome of its failure. @param durationMs Until the headers arrived, in milliseconds. */
  observeUpstreamRequest(result: number | string, durationMs: number): void;
  /** Counts a pull that needs a token of its registry. @param wasCached Whether one was cached. */
  observeTokenLookup(wasCached: boolean): void;
}

/** Maximum number of hosts that are labels of their own; each adds some dozen series. The first ones are shown, the others together. */
const maxHosts = 100;
/** A registry answers within a second, a token server that asks a directory within some seconds, and a request waits for at most 30 s. */
const latencyBucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const knownOutcomes: ReadonlySet<string> = new Set(['DONE', ...validationOutcomes]);

/** Adds the metrics to a registry. @param showsHosts whether hosts are labels. */
export function addUpstreamMetrics(registry: MetricRegistry, showsHosts: boolean): UpstreamMetrics {
  const labelNames = showsHosts ? ['outcome', 'host'] : ['outcome'];
  const labelsOf = createLabels(showsHosts);
  const validations = new Counter({
    name: 'regway_validations_total',
    help: 'Finished validations.',
    labelNames,
    registers: [registry],
  });
  const validationTime = new Histogram({
    name: 'regway_validation_duration_seconds',
    help: 'Duration of a validation.',
    buckets: latencyBucketsSeconds,
    registers: [registry],
  });
  const pulls = new Counter({
    name: 'regway_pulls_total',
    help: 'Requests of pulls that reached an upstream registry, or failed to. The outcome is DONE or that of the failure.',
    labelNames,
    registers: [registry],
  });
  const requestTime = new Histogram({
    name: 'regway_upstream_request_duration_seconds',
    help: 'Time from a request to a registry, token server, or storage to the headers of its response. The result is the class of the status, or the failure.',
    labelNames: ['result'],
    buckets: latencyBucketsSeconds,
    registers: [registry],
  });
  const tokens = new Counter({
    name: 'regway_token_cache_lookups_total',
    help: 'Pulls that needed a token of their registry, by whether one was cached.',
    labelNames: ['result'],
    registers: [registry],
  });
  return {
    observeValidation(outcome, durationMs, host) {
      validations.inc(labelsOf(outcome, host));
      validationTime.observe(durationMs / 1000);
    },
    observePull: (outcome, host) => pulls.inc(labelsOf(outcome, host)),
    observeUpstreamRequest: (result, durationMs) =>
      requestTime.observe({ result: resultLabel(result) }, durationMs / 1000),
    observeTokenLookup: (wasCached) => tokens.inc({ result: wasCached ? 'hit' : 'miss' }),
  };
}

type Labels = (outcome: string, host: string) => Record<string, string>;

function createLabels(showsHosts: boolean): Labels {
  const hosts = new Set<string>();
  const hostLabel = (host: string): string => {
    if (hosts.size < maxHosts) hosts.add(host);
    return hosts.has(host) ? host : 'other';
  };
  return (outcome, host) => ({
    outcome: knownOutcomes.has(outcome) ? outcome : 'other',
    ...(showsHosts ? { host: hostLabel(host) } : {}),
  });
}

function resultLabel(result: number | string): string {
  if (typeof result === 'number') return `${Math.floor(result / 100)}xx`;
  return knownOutcomes.has(result) ? result : 'other';
}
