// Defines the result of verifying the audit trail, and words it.

import type { ArchiveDamage } from './archive-verification.ts';
import type { Adoption, ChainPlace } from './chain.ts';

/**
 * The kind of damage. `ALTERED`: the event was changed. `MISSING`: it was deleted. `INSERTED`: Regway did not write it.
 * `REORDERED`: it was moved. `TRUNCATED`: the end of the chain was deleted. `HEAD_ALTERED`: the row that names the end of the chain
 * was changed. `KEY_REMOVED`: the key that verifies the events was deleted. `ARCHIVE_RECORD_ALTERED`: the row that names the newest archive was
 * changed. `ANCHOR_ARCHIVED`: the event of the anchor is in an archive that was not passed, so it cannot be compared.
 */
export type AuditDamage =
  | 'ALTERED'
  | 'MISSING'
  | 'INSERTED'
  | 'REORDERED'
  | 'TRUNCATED'
  | 'HEAD_ALTERED'
  | 'KEY_REMOVED'
  | 'ARCHIVE_RECORD_ALTERED'
  | 'ANCHOR_ARCHIVED'
  | ArchiveDamage;

/** A place in the chain that was recorded outside of the database, to compare the chain with later. */
export type AuditAnchor = ChainPlace;

/** The result for the whole chain. `checked` counts the verified events. */
export type AuditVerdict = IntactTrail | BrokenTrail;

/** A chain whose every event is as Regway wrote it. */
export interface IntactTrail {
  readonly intact: true;
  readonly checked: number;
  readonly head: AuditAnchor;
  readonly adopted: Adoption | null;
  /** Absent if no events were archived. */
  readonly archived?: ArchivedEvents;
  /** Absent if no archives were passed. */
  readonly archives?: VerifiedArchives;
}

/** The events that were archived, by the record in the database. */
export interface ArchivedEvents {
  /** The place of the last archived event. The database proves the events after it. */
  readonly lastSeq: number;
  /** When the newest archive was created. */
  readonly at: Date;
  /** SHA-256 of the newest archive, in hex. */
  readonly digest: string;
  /** Archived events that are still in the database, because the deletion was interrupted. */
  readonly undeleted: number;
}

/** The events in the passed archives. */
export interface VerifiedArchives {
  readonly events: number;
  /** The place of the event before the first archive: 0 if the archives start the chain. */
  readonly previousSeq: number;
}

/** A chain with its first event that is not proven. */
export interface BrokenTrail {
  readonly intact: false;
  readonly checked: number;
  readonly seq: number;
  readonly damage: AuditDamage;
  /** The path of the damaged archive. Absent if the damage is in the database. */
  readonly archive?: string;
}

/** Returns the result as a sentence for the terminal. */
export function describeVerdict(verdict: AuditVerdict): string {
  const { checked } = verdict;
  if (verdict.intact) {
    const first = firstChecked(verdict);
    const from = first === 1 ? '' : `, from event ${first} on`;
    return `The audit trail is intact: ${checked} events verified${from}.`;
  }
  const { damage, seq, archive = '' } = verdict;
  return `The audit trail is broken: ${sentences[damage](seq, archive)} (${damage}). Events verified before it: ${checked}.`;
}

function firstChecked({ archived, archives }: IntactTrail): number {
  return (archives?.previousSeq ?? archived?.lastSeq ?? 0) + 1;
}

const sentences: Record<AuditDamage, (seq: number, archive: string) => string> = {
  ALTERED: (seq) => `event ${seq} was altered`,
  MISSING: (seq) => `event ${seq} was deleted`,
  INSERTED: (seq) => `event ${seq} was not written by Regway`,
  REORDERED: (seq) => `event ${seq} was moved`,
  TRUNCATED: (seq) => `the trail ends early: event ${seq} and all events after it were deleted`,
  HEAD_ALTERED: (seq) =>
    `the row that names the end of the trail was changed or deleted: events from ${seq} on may have been deleted`,
  KEY_REMOVED: () => 'the key of the audit trail was deleted from the database, so no event can be verified',
  ARCHIVE_RECORD_ALTERED: () =>
    'the row that names the newest archive was not written by Regway: events may have been deleted without an archive',
  ANCHOR_ARCHIVED: () => 'the event of the anchor is in an archive that was not passed, so it cannot be compared',
  ARCHIVE_INVALID: (_, archive) => `${archive} is not an archive of the audit trail, or of a later version of Regway`,
  ARCHIVE_OF_OTHER_INSTALLATION: (_, archive) => `${archive} is an archive of another installation`,
  ARCHIVE_ALTERED: (seq, archive) => `${archive} was altered at event ${seq}`,
  ARCHIVE_TRUNCATED: (seq, archive) => `${archive} ends early, before event ${seq} or before its signature`,
  ARCHIVE_FORGED: (_, archive) => `the signature of ${archive} does not fit its first line`,
  ARCHIVE_ORDER: (_, archive) => `${archive} is older than the archive before it; pass the oldest archive first`,
  ARCHIVE_GAP: (seq, archive) => `event ${seq} is missing between the archives and ${archive || 'the database'}`,
  ARCHIVE_OVERLAP: (_, archive) => `${archive} repeats events of the archive before it`,
  ARCHIVE_MISMATCH: (seq, archive) => `${archive} does not belong to this trail at event ${seq}`,
};
