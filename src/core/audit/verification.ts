// Verifies the chain of audit events and names the first bad event. Reads page by page, also while a server appends.

import type { AuditEvent } from './event.ts';
import { type AuditMac, type ChainedEvent, type ChainHead, emptyHash, eventHash, isGenuineHead } from './chain.ts';

/**
 * The kind of damage. `ALTERED`: the event was changed. `MISSING`: it was deleted. `INSERTED`: Regway did not write it.
 * `REORDERED`: it was moved. `TRUNCATED`: the end of the chain was deleted. `HEAD_ALTERED`: the row that names the end of the chain
 * was changed. `KEY_REMOVED`: the key that verifies the events was deleted.
 */
export type AuditDamage =
  'ALTERED' | 'MISSING' | 'INSERTED' | 'REORDERED' | 'TRUNCATED' | 'HEAD_ALTERED' | 'KEY_REMOVED';

/** A place in the chain that was recorded outside of the database, to compare the chain with later. */
export interface AuditAnchor {
  readonly seq: number;
  readonly hash: string;
}

/** The result for the whole chain. `checked` counts the verified events. */
export type AuditVerdict =
  | { readonly intact: true; readonly checked: number; readonly head: AuditAnchor; readonly adopted: Adoption | null }
  | { readonly intact: false; readonly checked: number; readonly seq: number; readonly damage: AuditDamage };

/** Events older than the chain, which it adopted as they were at that time. Changes made to them before are not detected. */
export interface Adoption {
  readonly lastSeq: number;
  readonly at: Date;
}

/** Reads the stored chain. */
export interface AuditTrail {
  /** Returns the head, or undefined if absent. */
  head(): Promise<ChainHead | undefined>;
  /** Returns up to `limit` events after this place, in the order of the chain. */
  eventsAfter(seq: number, limit: number): Promise<readonly ChainedEvent[]>;
}

/** The parts of a verification. */
export interface AuditVerification {
  readonly trail: AuditTrail;
  readonly mac: AuditMac;
  /** The chain must contain this event unchanged. */
  readonly anchor?: AuditAnchor | undefined;
}

/** Returns the result as a sentence for the terminal. */
export function describeVerdict(verdict: AuditVerdict): string {
  const { checked } = verdict;
  return verdict.intact
    ? `The audit trail is intact: ${checked} events verified.`
    : `The audit trail is broken: ${sentences[verdict.damage](verdict.seq)} (${verdict.damage}). Events verified before it: ${checked}.`;
}

const sentences: Record<AuditDamage, (seq: number) => string> = {
  ALTERED: (seq) => `event ${seq} was altered`,
  MISSING: (seq) => `event ${seq} was deleted`,
  INSERTED: (seq) => `event ${seq} was not written by Regway`,
  REORDERED: (seq) => `event ${seq} was moved`,
  TRUNCATED: (seq) => `the trail ends early: event ${seq} and all events after it were deleted`,
  HEAD_ALTERED: (seq) =>
    `the row that names the end of the trail was changed or deleted: events from ${seq} on may have been deleted`,
  KEY_REMOVED: () => 'the key of the audit trail was deleted from the database, so no event can be verified',
};

/** Events per read: about 300 KB, however long the chain is. */
const pageSize = 1_000;

/** Maximum number of consecutive deleted events, with the later ones moved up, that are recognized as `MISSING`. */
const maxClosedGap = 100;

type Damaged = Extract<AuditVerdict, { intact: false }>;

/** The last verified event. */
interface Progress extends AuditAnchor {
  readonly checked: number;
  readonly adopted: Adoption | null;
}

/**
 * Verifies every event from the first one on. Cannot detect a database that was restored as a whole to an earlier state, unless an
 * anchor younger than that state is passed.
 */
export async function verifyAudit(verification: AuditVerification): Promise<AuditVerdict> {
  let progress: Progress = { seq: 0, hash: emptyHash, checked: 0, adopted: null };
  for (;;) {
    const walked = await walk(verification, progress);
    if ('intact' in walked) return walked;
    progress = walked;
    // Read after the events, so it is never behind them. It is ahead if a server appended in the meantime, or if the end was deleted.
    const head = await verification.trail.head();
    const wasAppended =
      head !== undefined &&
      head.seq > progress.seq &&
      (await verification.trail.eventsAfter(progress.seq, 1)).length > 0;
    if (!wasAppended) return verifyEnd(verification, progress, head);
  }
}

/** Follows the chain to its last event. */
async function walk({ trail, mac, anchor }: AuditVerification, from: Progress): Promise<Progress | Damaged> {
  let progress = from;
  for (;;) {
    const page = await trail.eventsAfter(progress.seq, pageSize);
    for (const event of page) {
      const { seq, hash } = event;
      if (hash === null || hash !== eventHash(mac, progress.hash, seq, event))
        return await diagnose({ trail, mac }, progress);
      if (anchor?.seq === seq && anchor.hash !== hash) return damaged(progress, 'ALTERED');
      progress = { seq, hash, checked: progress.checked + 1, adopted: adoptionOf(event, seq) ?? progress.adopted };
    }
    if (page.length < pageSize) return progress;
  }
}

function verifyEnd({ mac, anchor }: AuditVerification, progress: Progress, head: ChainHead | undefined): AuditVerdict {
  const { seq, hash, checked, adopted } = progress;
  if (head === undefined || !isGenuineHead(mac, head)) return damaged(progress, 'HEAD_ALTERED');
  if (head.seq > seq || (anchor !== undefined && anchor.seq > seq)) return damaged(progress, 'TRUNCATED');
  // A genuine head that names another end is an old one that was restored.
  if (head.seq < seq || head.hash !== hash) return damaged(progress, 'HEAD_ALTERED');
  return { intact: true, checked, head: { seq, hash }, adopted };
}

/** Names the damage of the event after the last verified one. That it is damaged is already known. */
async function diagnose({ trail, mac }: AuditVerification, progress: Progress): Promise<Damaged> {
  const place = progress.seq + 1;
  const [bad, ...later] = await trail.eventsAfter(progress.seq, pageSize);
  if (bad === undefined || bad.seq !== place) return damaged(progress, 'MISSING');
  const head = await trail.head();
  const fits = (event: ChainedEvent, previousHash: string, seq: number): boolean =>
    event.hash === eventHash(mac, previousHash, seq, event);
  if (bad.hash === null || (head !== undefined && place > head.seq)) return damaged(progress, 'INSERTED');
  if (later.some((event) => fits(event, progress.hash, place))) {
    const hasSurplus = head !== undefined && (await trail.eventsAfter(head.seq, 1)).length > 0;
    return damaged(progress, hasSurplus ? 'INSERTED' : 'REORDERED');
  }
  const { hash } = bad;
  const [next] = later;
  const wasMovedUp = (gap: number): boolean =>
    next === undefined ? head?.hash === hash && head.seq === place + gap : fits(next, hash, next.seq + gap);
  const isGapClosed = Array.from({ length: maxClosedGap }, (_, index) => index + 1).some(wasMovedUp);
  return damaged(progress, isGapClosed ? 'MISSING' : 'ALTERED');
}

function damaged({ seq, checked }: Progress, damage: AuditDamage): Damaged {
  return { intact: false, checked, seq: seq + 1, damage };
}

function adoptionOf({ action, at }: AuditEvent, seq: number): Adoption | null {
  return action === 'audit.adopt' ? { lastSeq: seq - 1, at } : null;
}
