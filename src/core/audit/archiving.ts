// Moves old audit events from the database to an archive file: the file is complete and verified before the first event is deleted.
// After an interruption at any point, every event is in the database or in a complete archive, and another run continues.

import { adminAccount } from '../authz/principal.ts';
import { Problem } from '../shared/problem.ts';
import { noProgress, type Progress } from '../shared/progress.ts';
import {
  type ArchivedRange,
  archiveRecord,
  type ArchiveRecord,
  archiveTail,
  formatEvent,
  formatHead,
  formatTail,
  installationOf,
} from './archive.ts';
import { type ArchiveSource, type IntactArchive, verifyArchive } from './archive-verification.ts';
import { type AuditMac, chainStart, eventHash } from './chain.ts';
import type { AuditArchiveStore, OldEvents } from './store.ts';
import { describeVerdict } from './verdict.ts';
import { type AuditTrail, verifyAudit } from './verification.ts';

/** The file that an archive is written to. */
export interface ArchiveFile {
  /** The path, for messages. */
  readonly name: string;
  /** Opens the file to read it once; undefined if it does not exist. */
  open(): ArchiveSource | undefined;
  /** Writes these pieces of text to the file: durably and whole, or not at all. @throws Problem `ALREADY_EXISTS`, `INVALID_INPUT` if it cannot be written. */
  create(pieces: AsyncIterable<string>): Promise<void>;
}

/** The ports of archiving. */
export interface ArchivingPorts {
  readonly trail: AuditTrail;
  readonly archives: AuditArchiveStore;
  readonly mac: AuditMac;
  readonly file: ArchiveFile;
  readonly now: () => Date;
  /** The actor of the audit event. */
  readonly actor: string;
  readonly requestId: string;
  /** Lets other writers change the database between two deletions. */
  readonly pause: () => Promise<void>;
  readonly progress?: Progress | undefined;
}

/** The result of archiving. */
export interface Archiving {
  /** Events in the archive; 0 if none is old enough, and no file was created. */
  readonly events: number;
  /** The place of the last archived event. */
  readonly lastSeq: number;
  /** The time of the last archived event; null if none was archived, or an earlier run wrote the file. */
  readonly lastAt: Date | null;
  /** SHA-256 of the file, in hex; null if none was created. */
  readonly digest: string | null;
  /** Whether the file of an interrupted run was used. */
  readonly continued: boolean;
  /** Events of an earlier archive whose deletion was interrupted, and which were deleted now. */
  readonly leftovers: number;
}

/** Events per read and per piece of the file: about 300 KB. */
const pageSize = 1_000;

/**
 * Archives the events before a time, and deletes them from the database. The file of an interrupted run is used if it is complete.
 * @throws Problem `INVALID_INPUT` if the trail is damaged, because archiving would hide it, or if the file cannot be written or read back;
 * `ALREADY_EXISTS` if the file is another one; `CONFLICT` if another process archives at the same time.
 */
export async function archiveEvents(ports: ArchivingPorts, before: Date): Promise<Archiving> {
  const { record, old, existing } = await planArchiving(ports, before);
  const leftovers = record === undefined ? 0 : await deleteAll(ports, record.last.seq);
  const isRecorded = existing !== undefined && existing.last.seq === record?.last.seq;
  if (isRecorded && leftovers === 0 && old !== undefined)
    throw alreadyExists(ports.file, 'is the newest archive already');
  if (existing === undefined && old === undefined)
    return { events: 0, lastSeq: record?.last.seq ?? 0, lastAt: null, digest: null, continued: false, leftovers };
  const archive = existing ?? (await createArchive(ports, rangeOf(record, old)));
  if (!isRecorded) {
    await recordArchive(ports, archive);
    await deleteAll(ports, archive.last.seq);
  }
  const { events, last, digest } = archive;
  const continued = existing !== undefined;
  return { events, lastSeq: last.seq, lastAt: continued ? null : (old?.last.at ?? null), digest, continued, leftovers };
}

/** The state before archiving, and the events that would be archived. */
export interface ArchivingPlan {
  /** The newest archive, or undefined if nothing was archived. */
  readonly record: ArchiveRecord | undefined;
  /** The events to archive; undefined if none is old enough. */
  readonly old: OldEvents | undefined;
  /** The complete archive that an interrupted run left in the file; undefined if the file does not exist. */
  readonly existing: IntactArchive | undefined;
}

/** Verifies the trail and finds the events to archive, without changing anything. @throws as `archiveEvents`. */
export async function planArchiving(ports: ArchivingPorts, before: Date): Promise<ArchivingPlan> {
  const { trail, mac, archives } = ports;
  const verdict = await verifyAudit({ trail, mac });
  if (!verdict.intact)
    throw new Problem('INVALID_INPUT', `${describeVerdict(verdict)} Nothing was archived, because that would hide it.`);
  const record = await trail.archive();
  const old = await archives.oldEvents((record?.last ?? chainStart).seq, before, ports.now());
  return { record, old, existing: await existingArchive(ports, record, old) };
}

/** Returns the archive in the file, if an interrupted run of this database wrote it. @throws Problem `ALREADY_EXISTS` for any other file. */
async function existingArchive(
  { file, mac, trail }: ArchivingPorts,
  record: ArchiveRecord | undefined,
  old: OldEvents | undefined,
): Promise<IntactArchive | undefined> {
  const source = file.open();
  if (source === undefined) return undefined;
  const archive = await verifyArchive(mac, source);
  if (!archive.intact) throw alreadyExists(file, 'is not a complete archive of this installation');
  const { previous, last, digest } = archive;
  if (digest === record?.digest && last.seq === record.last.seq) return archive;
  const start = record?.last ?? chainStart;
  const [stored] = await trail.eventsAfter(last.seq - 1, 1);
  const isStored = stored?.seq === last.seq && stored.hash === last.hash;
  if (previous.seq !== start.seq || previous.hash !== start.hash || !isStored)
    throw alreadyExists(file, 'does not continue the newest archive');
  if (last.seq > (old?.last.seq ?? 0)) throw alreadyExists(file, 'contains events that are not old enough');
  return archive;
}

function alreadyExists({ name }: ArchiveFile, reason: string): Problem {
  return new Problem('ALREADY_EXISTS', `${name} already exists and ${reason}. Choose another name.`);
}

function rangeOf(record: ArchiveRecord | undefined, old: OldEvents | undefined): ArchivedRange {
  const previous = record?.last ?? chainStart;
  return { previous, last: old === undefined ? previous : { seq: old.last.seq, hash: old.last.hash } };
}

/** Writes an archive and reads it back. */
async function createArchive(ports: ArchivingPorts, range: ArchivedRange): Promise<IntactArchive> {
  const { file, mac } = ports;
  await file.create(piecesOf(ports, range));
  const source = file.open();
  const archive = source === undefined ? undefined : await verifyArchive(mac, source);
  if (archive?.intact && archive.last.seq === range.last.seq && archive.last.hash === range.last.hash) return archive;
  throw new Problem(
    'INVALID_INPUT',
    `${file.name} cannot be read as it was written, so no event was deleted. Remove it, and write to another disk.`,
  );
}

/** Yields the text of an archive. @throws Problem `INVALID_INPUT` if an event was damaged in the meantime. */
async function* piecesOf(ports: ArchivingPorts, { previous, last }: ArchivedRange): AsyncGenerator<string> {
  const { trail, mac, progress = noProgress } = ports;
  const headLine = formatHead({ installation: installationOf(mac), createdAt: ports.now(), previous, last });
  yield `${headLine}\n`;
  let [place, events] = [previous, 0];
  while (place.seq < last.seq) {
    const page = (await trail.eventsAfter(place.seq, pageSize)).filter(({ seq }) => seq <= last.seq);
    for (const event of page) {
      if (event.hash === null || event.hash !== eventHash(mac, place.hash, event.seq, event)) break;
      place = { seq: event.seq, hash: event.hash };
      events += 1;
    }
    if (page.length === 0 || page.at(-1)?.seq !== place.seq)
      throw new Problem('INVALID_INPUT', `Event ${place.seq + 1} was changed or deleted, so nothing was archived.`);
    yield `${page.map(formatEvent).join('\n')}\n`;
    progress('Archiving audit events', events);
  }
  yield `${formatTail(archiveTail(mac, headLine, events))}\n`;
}

/** Stores the record, with which the first events are deleted. */
async function recordArchive(
  { archives, mac, now, actor, requestId }: ArchivingPorts,
  { previous, last, events, digest }: IntactArchive,
): Promise<void> {
  const at = now();
  const record = archiveRecord(mac, { previous, last, events, digest, at, actor });
  const isRecorded = await archives.recordArchive(record, {
    at,
    actor,
    account: adminAccount,
    action: 'audit.archive',
    target: digest,
    targetText: `events ${previous.seq + 1} to ${last.seq}`,
    outcome: 'DONE',
    requestId,
  });
  if (!isRecorded)
    throw new Problem(
      'CONFLICT',
      'Another process archived events at the same time, so this archive is not used. Remove it, and try again.',
    );
}

async function deleteAll({ archives, pause, progress = noProgress }: ArchivingPorts, lastSeq: number): Promise<number> {
  for (let count = 0; ;) {
    const deleted = await archives.deleteArchived(lastSeq);
    if (deleted === 0) return count;
    progress('Deleting archived events', (count += deleted));
    await pause();
  }
}
