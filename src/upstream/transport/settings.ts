// What the operator permits of the network, and what tests replace: the settings that checks and pulls share.

import type { Lookup } from './connector.ts';

export interface NetworkSettings {
  /** Whether this machine's loopback may be contacted: only when the server itself listens on loopback alone. */
  readonly loopbackAllowed: boolean;
  /** Addresses and CIDR networks; when not empty, nothing else is contacted. */
  readonly egressAllow: readonly string[];
  /** Addresses and CIDR networks that are not contacted. */
  readonly egressDeny: readonly string[];
  /** `host` or `host:port` that may be spoken to over plain HTTP, once a record has secureConnection off. */
  readonly plainHttpHosts: readonly string[];
  /** PEM certificates that are trusted beside the system's. */
  readonly extraCa: string | undefined;
  readonly now: () => Date;
  /** Default `regway`. */
  readonly userAgent?: string | undefined;
  /** Default: the system's name service. */
  readonly lookup?: Lookup | undefined;
  /** Default `defaultLimits`. */
  readonly limits?: Partial<Limits> | undefined;
}

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

/** Name, TCP and TLS together take well under a second; 5 s also covers a lost packet or two. */
const connectTimeoutMs = 5_000;

/** A registry that checks a password in a slow directory answers within seconds; 10 s bounds a silent one. */
const headersTimeoutMs = 10_000;

/** Longest silence inside a body. A small JSON answer arrives at once. */
const bodyTimeoutMs = 10_000;

/** A person waits for the whole check; it also ends a body that trickles in one byte at a time. */
const checkTimeoutMs = 15_000;

/** Storage that fetches a cold layer first may take a while to begin. */
const contentHeadersTimeoutMs = 30_000;

/** Longest silence inside a layer; how long the whole takes is not limited. */
const contentIdleTimeoutMs = 60_000;

/** Node's own limit. Challenges with many scopes reach a few KiB. */
const maxHeaderBytes = 16 * 1024;

/** A token answer is 1 to 4 KiB, with many scopes more; 128 KiB bounds a hostile one. */
const maxTokenBodyBytes = 128 * 1024;

/** An error answer of a registry is a few hundred bytes; more is a web page, of which nothing is shown. */
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
