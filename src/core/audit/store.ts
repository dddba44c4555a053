// Declares the ports that store audit events, read pages of them, and delete those that were archived.

import type { ArchiveRecord } from './archive.ts';
import type { AuditMac, ChainedEvent, ChainPlace } from './chain.ts';
import type { AuditAction, AuditEvent } from './event.ts';
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

/** The events that are old enough to be archived. */
export interface OldEvents {
  /** The last of them. */
  readonly last: ChainPlace & { readonly at: Date };
  readonly count: number;
}

/** Finds events to archive, and deletes archived ones. */
export interface AuditArchiveStore {
  /**
   * Returns the events after a place that are older than a time, up to the first that is not, or undefined if there are none. An event with a time
   * after `now` has that of a wrong clock, so it counts as old if an older one follows it.
   */
  oldEvents(afterSeq: number, before: Date, now: Date): Promise<OldEvents | undefined>;
  /**
   * In one transaction: stores the record of an archive, deletes the last of its events, and appends the event that says so. Returns false, and
   * changes nothing, if the newest archive is no longer the one that this one continues.
   */
  recordArchive(record: ArchiveRecord, event: AuditEvent): Promise<boolean>;
  /** Deletes the last events up to this place that are still stored, in one transaction. Returns how many: 0 when none is left. */
  deleteArchived(lastSeq: number): Promise<number>;
}
