// Verifies the chain of audit events and names the first bad event. Reads page by page, also while a server appends.

import { type ArchiveRecord, isGenuineRecord } from './archive.ts';
import { type ArchiveSource, type IntactArchives, verifyArchives } from './archive-verification.ts';
import {
  type Adoption,
  adoptionOf,
  type AuditMac,
  type ChainedEvent,
  type ChainHead,
  type ChainPlace,
  chainStart,
  eventHash,
  isGenuineHead,
} from './chain.ts';
import type { AuditAnchor, AuditDamage, AuditVerdict, BrokenTrail } from './verdict.ts';

/** Reads the stored chain. */
export interface AuditTrail {
  /** Returns the head, or undefined if absent. */
  head(): Promise<ChainHead | undefined>;
  /** Returns up to `limit` events after this place, in the order of the chain. */
  eventsAfter(seq: number, limit: number): Promise<readonly ChainedEvent[]>;
  /** Returns the record of the newest archive, or undefined if nothing was archived. */
  archive(): Promise<ArchiveRecord | undefined>;
}

/** The parts of a verification. */
export interface AuditVerification {
  readonly trail: AuditTrail;
  readonly mac: AuditMac;
  /** The chain must contain this event unchanged. */
  readonly anchor?: AuditAnchor | undefined;
  /** Archives to verify too, from the oldest to the newest. */
  readonly archives?: readonly ArchiveSource[] | undefined;
}

/** Events per read: about 300 KB, however long the chain is. */
const pageSize = 1_000;

/** Maximum number of consecutive deleted events, with the later ones moved up, that are recognized as `MISSING`. */
const maxClosedGap = 100;

/** Maximum number of archives that are created while one verification runs. Each takes minutes; more are no coincidence. */
const maxArchivesMeanwhile = 5;

/** The last verified event. */
interface Progress extends ChainPlace {
  readonly checked: number;
  readonly adopted: Adoption | null;
}

/** An event that the chain must contain, and the damage if it does not. */
interface Expected extends ChainPlace {
  readonly damage: AuditDamage;
  readonly archive?: string;
}

/** A verification of the database, after that of the archives. */
interface StoredVerification {
  readonly trail: AuditTrail;
  readonly mac: AuditMac;
  readonly expected: readonly Expected[];
}

/**
 * Verifies every event: those in the archives that are passed, then those in the database, from the first one or from the newest archive on.
 * Cannot detect a database that was restored as a whole to an earlier state, unless an anchor younger than that state is passed.
 */
export async function verifyAudit(verification: AuditVerification): Promise<AuditVerdict> {
  const { trail, mac, anchor, archives: sources = [] } = verification;
  const isExpected = ({ seq, hash }: ChainPlace): boolean => anchor?.seq !== seq || anchor.hash === hash;
  const archives = await verifyArchives(mac, sources, isExpected);
  if (archives?.intact === false) return archives;
  for (let newer = 0; ; newer += 1) {
    const record = await trail.archive();
    const verdict = await verifyStored(verification, archives, record);
    // If events were archived during the walk, they were gone before it reached them.
    if (newer === maxArchivesMeanwhile || (await trail.archive())?.mac === record?.mac) return verdict;
  }
}

async function verifyStored(
  { trail, mac, anchor }: AuditVerification,
  archives: IntactArchives | undefined,
  record: ArchiveRecord | undefined,
): Promise<AuditVerdict> {
  const { events: checked = 0, adopted = null, last = chainStart } = archives ?? {};
  if (record !== undefined && !isGenuineRecord(mac, record))
    return damaged({ ...last, checked, adopted }, 'ARCHIVE_RECORD_ALTERED');
  const start = record?.last ?? chainStart;
  const broken = archivesDamage(archives, record) ?? anchorDamage(anchor, archives, start, checked);
  if (broken !== undefined) return broken;
  const undeleted = record === undefined ? 0 : await countUndeleted(trail, mac, record, checked);
  if (typeof undeleted !== 'number') return undeleted;
  const expected: Expected[] = [];
  if (anchor !== undefined && anchor.seq > start.seq) expected.push({ ...anchor, damage: 'ALTERED' });
  if (archives !== undefined && archives.last.seq > start.seq)
    expected.push({ ...archives.last, damage: 'ARCHIVE_MISMATCH', archive: archives.archive });
  // Events that are both in an archive and in the database count once.
  const repeated = archives === undefined ? 0 : Math.max(0, archives.last.seq - start.seq);
  const verdict = await verifyChain(
    { trail, mac, expected },
    { ...start, checked: Math.max(0, checked - repeated), adopted },
  );
  if (!verdict.intact) return verdict;
  return {
    ...verdict,
    ...(record && { archived: { lastSeq: start.seq, at: record.at, digest: record.digest, undeleted } }),
    ...(archives && { archives: { events: archives.events, previousSeq: archives.previous.seq } }),
  };
}

/** Finds why the database does not continue the archives: it must continue exactly from the newest, or still contain its last event. */
function archivesDamage(
  archives: IntactArchives | undefined,
  record: ArchiveRecord | undefined,
): BrokenTrail | undefined {
  if (archives === undefined || record === undefined) return undefined;
  const { last, events: checked, digest, archive } = archives;
  const seq = last.seq + 1;
  if (last.seq < record.last.seq) return { intact: false, checked, seq, damage: 'ARCHIVE_GAP' };
  const isRecorded = last.hash === record.last.hash && digest === record.digest;
  return last.seq > record.last.seq || isRecorded
    ? undefined
    : { intact: false, checked, seq, damage: 'ARCHIVE_MISMATCH', archive };
}

/** Finds why an anchor at or before the start of the database does not fit. One in a passed archive was compared there. */
function anchorDamage(
  anchor: AuditAnchor | undefined,
  archives: IntactArchives | undefined,
  start: ChainPlace,
  checked: number,
): BrokenTrail | undefined {
  if (anchor === undefined || anchor.seq > start.seq) return undefined;
  const { seq } = anchor;
  if (seq === start.seq)
    return anchor.hash === start.hash ? undefined : { intact: false, checked, seq, damage: 'ALTERED' };
  const isInArchive = archives !== undefined && seq > archives.previous.seq;
  return isInArchive ? undefined : { intact: false, checked, seq, damage: 'ANCHOR_ARCHIVED' };
}

/**
 * Counts the archived events that are still stored. They are deleted from the newest to the oldest, so those left are the first of the archive,
 * each chained to the one before it; any other event was inserted.
 */
async function countUndeleted(
  trail: AuditTrail,
  mac: AuditMac,
  { previous, last }: ArchiveRecord,
  checked: number,
): Promise<number | BrokenTrail> {
  let place: ChainPlace = previous;
  for (let [count, read] = [0, 0]; ;) {
    const page = await trail.eventsAfter(read, pageSize);
    for (const event of page) {
      const { seq, hash } = event;
      if (seq > last.seq) return count;
      if (hash === null || hash !== eventHash(mac, place.hash, seq, event))
        return { intact: false, checked, seq, damage: seq === place.seq + 1 ? 'ALTERED' : 'INSERTED' };
      place = { seq, hash };
      count += 1;
    }
    if (page.length < pageSize) return count;
    read = place.seq;
  }
}

/** Verifies the events after a place. */
async function verifyChain(verification: StoredVerification, start: Progress): Promise<AuditVerdict> {
  let progress = start;
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
async function walk({ trail, mac, expected }: StoredVerification, from: Progress): Promise<Progress | BrokenTrail> {
  let progress = from;
  for (;;) {
    const page = await trail.eventsAfter(progress.seq, pageSize);
    for (const event of page) {
      const { seq, hash } = event;
      if (hash === null || hash !== eventHash(mac, progress.hash, seq, event))
        return await diagnose({ trail, mac }, progress);
      const other = expected.find((place) => place.seq === seq && place.hash !== hash);
      if (other !== undefined) return damaged(progress, other.damage, other.archive);
      progress = { seq, hash, checked: progress.checked + 1, adopted: adoptionOf(event) ?? progress.adopted };
    }
    if (page.length < pageSize) return progress;
  }
}

function verifyEnd(
  { mac, expected }: StoredVerification,
  progress: Progress,
  head: ChainHead | undefined,
): AuditVerdict {
  const { seq, hash, checked, adopted } = progress;
  if (head === undefined || !isGenuineHead(mac, head)) return damaged(progress, 'HEAD_ALTERED');
  if (head.seq > seq || expected.some((place) => place.seq > seq)) return damaged(progress, 'TRUNCATED');
  // A genuine head that names another end is an old one that was restored.
  if (head.seq < seq || head.hash !== hash) return damaged(progress, 'HEAD_ALTERED');
  return { intact: true, checked, head: { seq, hash }, adopted };
}

/** Names the damage of the event after the last verified one. That it is damaged is already known. */
async function diagnose(
  { trail, mac }: Pick<StoredVerification, 'trail' | 'mac'>,
  progress: Progress,
): Promise<BrokenTrail> {
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

function damaged({ seq, checked }: Progress, damage: AuditDamage, archive?: string): BrokenTrail {
  return { intact: false, checked, seq: seq + 1, damage, ...(archive !== undefined && { archive }) };
}
