// Verifies the files of archives, each by itself and as a chain from one to the next. Reads line by line, so that any size takes the memory of one line.

import { type Adoption, adoptionOf, type AuditMac, type ChainPlace, chainStart, eventHash } from './chain.ts';
import {
  type ArchivedRange,
  type ArchiveHead,
  archiveTail,
  installationOf,
  parseEvent,
  parseHead,
  parseTail,
} from './archive.ts';

/** An archive file that can be read once. */
export interface ArchiveSource {
  /** The path, for messages. */
  readonly name: string;
  /** The complete lines, without their newlines; an empty one in place of a line that no archive has. A last line without a newline is omitted. */
  readonly lines: AsyncIterable<string>;
  /** Returns the SHA-256 of the whole file, in hex, after every line was read. */
  readonly digest: () => string;
}

/**
 * The kind of damage. `ARCHIVE_INVALID`: the file does not begin as an archive. `ARCHIVE_OF_OTHER_INSTALLATION`: another key wrote it.
 * `ARCHIVE_ALTERED`: an event was changed, deleted, inserted, or moved. `ARCHIVE_TRUNCATED`: the end of the file is missing. `ARCHIVE_FORGED`: its
 * signature does not fit. `ARCHIVE_ORDER`: it is older than the one before it. `ARCHIVE_GAP`: events between it and what comes before or after are
 * missing. `ARCHIVE_OVERLAP`: it repeats events of the one before it. `ARCHIVE_MISMATCH`: it does not belong to what comes before or after.
 */
export type ArchiveDamage =
  | 'ARCHIVE_INVALID'
  | 'ARCHIVE_OF_OTHER_INSTALLATION'
  | 'ARCHIVE_ALTERED'
  | 'ARCHIVE_TRUNCATED'
  | 'ARCHIVE_FORGED'
  | 'ARCHIVE_ORDER'
  | 'ARCHIVE_GAP'
  | 'ARCHIVE_OVERLAP'
  | 'ARCHIVE_MISMATCH';

/** A damaged archive. */
export interface DamagedArchive {
  readonly intact: false;
  readonly damage: ArchiveDamage;
  /** The place of the first event that is not proven. */
  readonly seq: number;
  /** Events verified before it, in all archives. */
  readonly checked: number;
  /** The path of the file. */
  readonly archive: string;
}

/** An archive whose every byte is as Regway wrote it. */
export interface IntactArchive extends ArchivedRange {
  readonly intact: true;
  readonly events: number;
  readonly digest: string;
  readonly adopted: Adoption | null;
}

/** Called with each verified event, such as to compare it with an anchor. Returns whether it is the expected one. */
export type InspectEvent = (place: ChainPlace) => boolean;

/** Verifies one archive by itself. */
export async function verifyArchive(
  mac: AuditMac,
  { name, lines, digest }: ArchiveSource,
  inspect: InspectEvent = () => true,
): Promise<IntactArchive | DamagedArchive> {
  const reader = new ArchiveReader(mac, inspect);
  for await (const line of lines) {
    const damage = reader.read(line);
    if (damage !== undefined) return { intact: false, damage, ...reader.place(), archive: name };
  }
  const end = reader.end();
  return 'previous' in end
    ? { intact: true, ...end, digest: digest() }
    : { intact: false, damage: end.damage, ...reader.place(), archive: name };
}

class ArchiveReader {
  readonly #mac: AuditMac;
  readonly #inspect: InspectEvent;
  #headLine = '';
  #head: ArchiveHead | undefined;
  #isComplete = false;
  #last = chainStart;
  #events = 0;
  #adopted: Adoption | null = null;

  constructor(mac: AuditMac, inspect: InspectEvent) {
    this.#mac = mac;
    this.#inspect = inspect;
  }

  /** Returns where a damage is. */
  place(): { readonly seq: number; readonly checked: number } {
    return { seq: this.#last.seq + 1, checked: this.#events };
  }

  read(line: string): ArchiveDamage | undefined {
    if (this.#head === undefined) return this.#readHead(line);
    if (this.#isComplete) return 'ARCHIVE_ALTERED';
    const event = parseEvent(line);
    if (event === undefined) return this.#readTail(this.#head, line);
    const { seq, hash } = event;
    if (hash === null || hash !== eventHash(this.#mac, this.#last.hash, seq, event)) return 'ARCHIVE_ALTERED';
    if (!this.#inspect({ seq, hash })) return 'ARCHIVE_MISMATCH';
    this.#last = { seq, hash };
    this.#events += 1;
    this.#adopted = adoptionOf(event) ?? this.#adopted;
    return undefined;
  }

  end(): Pick<IntactArchive, 'previous' | 'last' | 'events' | 'adopted'> | { readonly damage: ArchiveDamage } {
    if (this.#head === undefined) return { damage: 'ARCHIVE_INVALID' };
    if (!this.#isComplete) return { damage: 'ARCHIVE_TRUNCATED' };
    return { previous: this.#head.previous, last: this.#last, events: this.#events, adopted: this.#adopted };
  }

  #readHead(line: string): ArchiveDamage | undefined {
    const head = parseHead(line);
    if (head === undefined) return 'ARCHIVE_INVALID';
    if (head.installation !== installationOf(this.#mac)) return 'ARCHIVE_OF_OTHER_INSTALLATION';
    [this.#headLine, this.#head, this.#last] = [line, head, head.previous];
    return undefined;
  }

  #readTail({ last }: ArchiveHead, line: string): ArchiveDamage | undefined {
    const tail = parseTail(line);
    const isAtEnd = this.#last.seq === last.seq && this.#last.hash === last.hash;
    if (tail === undefined || !isAtEnd || tail.events !== this.#events) return 'ARCHIVE_ALTERED';
    if (tail.mac !== archiveTail(this.#mac, this.#headLine, tail.events).mac) return 'ARCHIVE_FORGED';
    this.#isComplete = true;
    return undefined;
  }
}

/** Archives that follow each other without a gap. */
export interface IntactArchives extends ArchivedRange {
  readonly intact: true;
  /** The path of the last. */
  readonly archive: string;
  readonly events: number;
  /** The digest of the last. */
  readonly digest: string;
  readonly adopted: Adoption | null;
}

/** Verifies archives from the oldest to the newest. Returns undefined for none. */
export async function verifyArchives(
  mac: AuditMac,
  sources: readonly ArchiveSource[],
  inspect?: InspectEvent,
): Promise<IntactArchives | DamagedArchive | undefined> {
  let all: IntactArchives | undefined;
  for (const source of sources) {
    const next = await verifyArchive(mac, source, inspect);
    const checked = all?.events ?? 0;
    if (!next.intact) return { ...next, checked: checked + next.checked };
    const damage = all === undefined ? undefined : joinDamage(all, next);
    if (damage !== undefined && all !== undefined)
      return { intact: false, damage, seq: all.last.seq + 1, checked, archive: source.name };
    all = {
      ...next,
      archive: source.name,
      previous: all?.previous ?? next.previous,
      events: checked + next.events,
      adopted: next.adopted ?? all?.adopted ?? null,
    };
  }
  return all;
}

/** Names the reason why an archive does not follow what was before it; undefined if it does. */
function joinDamage(before: ArchivedRange, next: ArchivedRange): ArchiveDamage | undefined {
  if (next.previous.seq > before.last.seq) return 'ARCHIVE_GAP';
  if (next.previous.seq === before.last.seq)
    return next.previous.hash === before.last.hash ? undefined : 'ARCHIVE_MISMATCH';
  return next.last.seq <= before.previous.seq ? 'ARCHIVE_ORDER' : 'ARCHIVE_OVERLAP';
}
