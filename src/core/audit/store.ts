// Declares the port that stores audit events and reads pages of them.

import type { AuditMac, ChainedEvent } from './chain.ts';
import type { AuditAction } from './event.ts';
import type { AuditTrail } from './verification.ts';

/** Stores audit events. The store of a resource writes the events about it, in the same transaction as the change. */
export interface AuditStore extends AuditListStore {
  /**
   * Passes the key of the chain to the stores, which cannot write any change without it. On a database with events older than the
   * chain, the first call adopts them into it.
   */
  start(mac: AuditMac): Promise<void>;
}

/** The conditions on listed events. All given conditions must match. */
export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: AuditAction | undefined;
  readonly target?: string | undefined;
  /** Only events at or after this time. */
  readonly since?: Date | undefined;
  /** Only events before this time. */
  readonly until?: Date | undefined;
}

/** One page of the audit trail, newest first. */
export interface AuditQuery {
  /** Undefined for every account. */
  readonly account: string | undefined;
  readonly filter: AuditFilter;
  /** Only events older than the one at this place of the chain. */
  readonly olderThan: number | undefined;
  /** Only events newer than the one at this place of the chain. */
  readonly newerThan: number | undefined;
  /** True for the newest `limit` events of the range, false for the oldest. Newest first in both cases. */
  readonly forward: boolean;
  readonly limit: number;
}

/** Reads stored audit events. */
export interface AuditListStore extends AuditTrail {
  page(query: AuditQuery): Promise<ChainedEvent[]>;
}
