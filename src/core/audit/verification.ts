// Verifies the chain of audit events and names the first bad one. It reads page by page, also while a server appends.

import type { AuditEvent } from './event.ts';
import { type AuditMac, type ChainedEvent, type ChainHead, emptyHash, eventHash, isGenuineHead } from './chain.ts';

/**
 * What is wrong. `ALTERED`: the event is not as it was written. `MISSING`: it was taken out. `INSERTED`: Regway did not write it.
 * `REORDERED`: it stood at another place. `TRUNCATED`: the chain was longer. `HEAD_ALTERED`: what says where the chain ends was changed.
 * `KEY_REMOVED`: what its events are verified with is gone.
 */
export type AuditDamage =
  'ALTERED' | 'MISSING' | 'INSERTED' | 'REORDERED' | 'TRUNCATED' | 'HEAD_ALTERED' | 'KEY_REMOVED';

/** A place in the chain that was noted outside of the database, to be found again. */
export interface AuditAnchor {
  readonly seq: number;
  readonly hash: string;
}

/** The verdict on the whole chain. `checked` counts the events that are as they were written. */
export type AuditVerdict =
  | { readonly intact: true; readonly checked: number; readonly head: AuditAnchor; readonly adopted: Adoption | null }
  | { readonly intact: false; readonly checked: number; readonly seq: number; readonly damage: AuditDamage };

/** Events from before there was a chain, which were taken into it as they stood then. What was done to them before does not show. */
export interface Adoption {
  readonly lastSeq: number;
  readonly at: Date;
}

/** The chain as it is stored. */
export interface AuditTrail {
  head(): Promise<ChainHead | undefined>;
  /** The events after this place, by place, up to `limit`. */
  eventsAfter(seq: number, limit: number): Promise<readonly ChainedEvent[]>;
}

export interface AuditVerification {
  readonly trail: AuditTrail;
  readonly mac: AuditMac;
  /** The chain must still hold this event as it was. */
  readonly anchor?: AuditAnchor | undefined;
}

/** What a verdict says, for people. */
export function describeVerdict(verdict: AuditVerdict): string {
  const { checked } = verdict;
  return verdict.intact
    ? `The audit trail is whole: ${checked} events checked.`
    : `The audit trail is broken: ${sentences[verdict.damage](verdict.seq)} (${verdict.damage}). ${checked} events before it are as they were written.`;
}

const sentences: Record<AuditDamage, (seq: number) => string> = {
  ALTERED: (seq) => `event ${seq} is not as it was written`,
  MISSING: (seq) => `event ${seq} was taken out`,
  INSERTED: (seq) => `event ${seq} was not written by Regway`,
  REORDERED: (seq) => `event ${seq} stood at another place`,
  TRUNCATED: (seq) => `the trail ends early: event ${seq} and all after it were cut off`,
  HEAD_ALTERED: (seq) =>
    `the row that says where the trail ends was changed or removed: events from ${seq} on may have been cut off`,
  KEY_REMOVED: () => 'the key of the audit trail was removed from the database, so no event can be verified',
};

/** About 300 KB of events at a time, however long the chain is. */
const pageSize = 1_000;

/** Events in a row that somebody may have taken out, moving the later ones up, and it still shows as `MISSING`. */
const maxClosedGap = 100;

type Damaged = Extract<AuditVerdict, { intact: false }>;

/** How far the chain is good. */
interface Progress extends AuditAnchor {
  readonly checked: number;
  readonly adopted: Adoption | null;
}

/**
 * Reads every event from the first one on. What it cannot notice: a database that was put back whole to an earlier state,
 * unless an anchor is given that is younger than that state.
 */
export async function verifyAudit(verification: AuditVerification): Promise<AuditVerdict> {
  let progress: Progress = { seq: 0, hash: emptyHash, checked: 0, adopted: null };
  for (;;) {
    const walked = await walk(verification, progress);
    if ('intact' in walked) return walked;
    progress = walked;
    // Read after the events, so it is never behind them: it is ahead when a server appended meanwhile, or when the end was cut off.
    const head = await verification.trail.head();
    const wasAppended =
      head !== undefined &&
      head.seq > progress.seq &&
      (await verification.trail.eventsAfter(progress.seq, 1)).length > 0;
    if (!wasAppended) return judgeEnd(verification, progress, head);
  }
}

/** Follows the chain to the last event there is. */
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

function judgeEnd({ mac, anchor }: AuditVerification, progress: Progress, head: ChainHead | undefined): AuditVerdict {
  const { seq, hash, checked, adopted } = progress;
  if (head === undefined || !isGenuineHead(mac, head)) return damaged(progress, 'HEAD_ALTERED');
  if (head.seq > seq || (anchor !== undefined && anchor.seq > seq)) return damaged(progress, 'TRUNCATED');
  // A genuine head of another chain's end is one that was put back.
  if (head.seq < seq || head.hash !== hash) return damaged(progress, 'HEAD_ALTERED');
  return { intact: true, checked, head: { seq, hash }, adopted };
}

/** What is wrong with the event after the last good one: a description for people, the verdict stands already. */
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
