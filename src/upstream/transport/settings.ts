// Defines the network settings that validations and pulls share: what the operator allows, what tests replace, and all limits.

import type { IsOwn } from './addresses/guard.ts';
import type { Lookup } from './connector.ts';

/** Told of what is sent to upstreams, for the metrics. */
export interface UpstreamObserver {
  /** @param result The status, or the outcome of the failure; `other` for an abort. @param durationMs In milliseconds. */
  observeUpstreamRequest(result: number | string, durationMs: number): void;
  /** @param wasCached Whether a pull found the token of its registry in the cache. */
  observeTokenLookup(wasCached: boolean): void;
}

export interface NetworkSettings {
  /** Whether this machine's loopback may be contacted: only if the server itself listens only on loopback. */
  readonly loopbackAllowed: boolean;
  /** Addresses and CIDR networks; if not empty, nothing else is contacted. */
  readonly egressAllow: readonly string[];
  /** Addresses and CIDR networks that are not contacted. */
  readonly egressDeny: readonly string[];
  /** `host` or `host:port` that may be contacted over plain HTTP once a record has secureConnection off. */
  readonly plainHttpHosts: readonly string[];
  /** `host` or `host:port` that a registry may redirect to although they are in a private network. Defaults to none. */
  readonly redirectHosts?: readonly string[] | undefined;
  /** Defaults to nothing. */
  readonly isOwn?: IsOwn | undefined;
  /** This installation's name in `Via` (RFC 9110 §7.6.3), by which it recognizes a pull that comes back. Defaults to none. */
  readonly viaName?: string | undefined;
  /** PEM certificates that are trusted in addition to the system's. */
  readonly extraCa: string | undefined;
  readonly now: () => Date;
  /** Returns milliseconds of a clock that only runs forward. Defaults to the system's. */
  readonly monotonicMs?: (() => number) | undefined;
  readonly observer?: UpstreamObserver | undefined;
  /** Defaults to `regway`. */
  readonly userAgent?: string | undefined;
  /** Defaults to the system's DNS resolver. */
  readonly lookup?: Lookup | undefined;
  /** Defaults to `defaultLimits`. */
  readonly limits?: Partial<Limits> | undefined;
}

/** Limits in milliseconds and bytes. */
export interface Limits {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly checkTimeoutMs: number;
  readonly contentHeadersTimeoutMs: number;
  readonly contentIdleTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly maxTokenBodyBytes: number;
  readonly maxErrorBodyBytes: number;
}

/** Name, TCP, and TLS together need well under a second; 5 s also covers a lost packet or two. */
const connectTimeoutMs = 5_000;

/** A registry that checks a password in a slow directory answers within seconds; 10 s bounds a silent one. */
const headersTimeoutMs = 10_000;

/** Maximum silence inside a body. A small JSON response arrives at once. */
const bodyTimeoutMs = 10_000;

/** A user waits for the whole check; the limit also ends a body that arrives one byte at a time. */
const checkTimeoutMs = 15_000;

/** Storage that fetches a cold layer first can need many seconds to begin. */
const contentHeadersTimeoutMs = 30_000;

/** Maximum silence inside a layer; the total time is not limited. */
const contentIdleTimeoutMs = 60_000;

/** Node's own limit. Challenges with many scopes reach a few KiB. */
const maxHeaderBytes = 16 * 1024;

/** A token response is 1 to 4 KiB, more with many scopes; 128 KiB bounds a hostile one. */
const maxTokenBodyBytes = 128 * 1024;

/** An error response of a registry is a few hundred bytes; a larger one is a web page, of which nothing is shown. */
const maxErrorBodyBytes = 8 * 1024;

export const defaultLimits: Limits = {
  connectTimeoutMs,
  headersTimeoutMs,
  bodyTimeoutMs,
  checkTimeoutMs,
  contentHeadersTimeoutMs,
  contentIdleTimeoutMs,
  maxHeaderBytes,
  maxTokenBodyBytes,
  maxErrorBodyBytes,
};
