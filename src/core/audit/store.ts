// The port: events at rest, a page of them.

import type { AuditMac, ChainedEvent } from './chain.ts';
import type { AuditAction } from './event.ts';
import type { AuditTrail } from './verification.ts';

/** Audit events at rest. They are written by the stores of what they tell of, in the same transaction. */
export interface AuditStore extends AuditListStore {
  /**
   * Gives the stores the key of the chain, without which no change can be written. The first time on a database that has events from before
   * there was a chain, takes them into it.
   */
  start(mac: AuditMac): Promise<void>;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: AuditAction | undefined;
  readonly target?: string | undefined;
  /** From this moment on. */
  readonly since?: Date | undefined;
  /** Before this moment. */
  readonly until?: Date | undefined;
}

export interface AuditQuery {
  /** Undefined for every account. */
  readonly account: string | undefined;
  readonly filter: AuditFilter;
  /** Only events that come after this place in the list: older ones. */
  readonly olderThan: number | undefined;
  readonly newerThan: number | undefined;
  /** True: the first `limit` of the list, the newest. False: its last ones. They come back newest first either way. */
  readonly forward: boolean;
  readonly limit: number;
}

/** Events at rest, to be read. */
export interface AuditListStore extends AuditTrail {
  page(query: AuditQuery): Promise<ChainedEvent[]>;
}
