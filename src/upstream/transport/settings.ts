// What the operator permits of the network, and what tests replace: the settings that checks and pulls share.

import type { Lookup } from './connector.ts';
import type { Limits } from './limits.ts';

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
