// Defines the archives of the audit trail: the lines of their files, and the record from which a database continues after its events were archived.
// Written by hand, because the format is Regway's own. Every byte of a file is bound by the chain or by the keyed hash in its last line.

import { z } from 'zod';
import type { AuditAction } from './event.ts';
import type { AuditMac, ChainedEvent, ChainPlace } from './chain.ts';

/** The events of one archive: those after a place of the chain, up to a later one. */
export interface ArchivedRange {
  /** The last event before the archive; the start of the chain for the first archive. */
  readonly previous: ChainPlace;
  /** The last event in the archive. */
  readonly last: ChainPlace;
}

/** The first line of an archive file. */
export interface ArchiveHead extends ArchivedRange {
  /** Names the installation, as `installationOf` does. */
  readonly installation: string;
  readonly createdAt: Date;
}

/** The last line of an archive file. */
export interface ArchiveTail {
  /** The number of events. */
  readonly events: number;
  /** The keyed hash of the first line and of the number of events. The first line has the hash of the last event, which binds all others. */
  readonly mac: string;
}

/** The facts of the newest archive, stored in the database in place of its events. */
export interface ArchiveRecord extends ArchivedRange {
  readonly events: number;
  /** SHA-256 of the whole file, in hex. */
  readonly digest: string;
  readonly at: Date;
  readonly actor: string;
  /** The keyed hash of all of this: without the keyring, no one can delete events and store a record that excuses it. */
  readonly mac: string;
}

/** Identifies the format of the first line. */
const format = 'regway-audit-archive';
/** The version of the format. A reader rejects others. */
const version = 1;

/** Returns a name of the installation that reveals nothing of its key and is the same as long as its trail exists. */
export function installationOf(mac: AuditMac): string {
  return mac(JSON.stringify(['installation/1'])).slice(0, 32);
}

/** Returns the record of an archive. */
export function archiveRecord(mac: AuditMac, facts: Omit<ArchiveRecord, 'mac'>): ArchiveRecord {
  return { ...facts, mac: recordMac(mac, facts) };
}

/** Returns whether Regway wrote this record. */
export function isGenuineRecord(mac: AuditMac, record: ArchiveRecord): boolean {
  return record.mac === recordMac(mac, record);
}

/** Returns the last line of a file with this first line. */
export function archiveTail(mac: AuditMac, headLine: string, events: number): ArchiveTail {
  return { events, mac: mac(JSON.stringify(['archive/1', headLine, events])) };
}

function recordMac(mac: AuditMac, { previous, last, events, digest, at, actor }: Omit<ArchiveRecord, 'mac'>): string {
  const range = [previous.seq, previous.hash, last.seq, last.hash];
  return mac(JSON.stringify(['archive-record/1', ...range, events, digest, at.getTime(), actor]));
}

/** Formats the first line, without its newline. */
export function formatHead({ installation, createdAt, previous, last }: ArchiveHead): string {
  return JSON.stringify({
    format,
    version,
    installation,
    createdAt,
    previous: { seq: previous.seq, hash: previous.hash },
    last: { seq: last.seq, hash: last.hash },
  });
}

/** Formats an event, without its newline. */
export function formatEvent(event: ChainedEvent): string {
  const { seq, at, actor, account, action, target, targetText, outcome, requestId, hash } = event;
  return JSON.stringify({ seq, at, actor, account, action, target, targetText, outcome, requestId, hash });
}

/** Formats the last line, without its newline. */
export function formatTail({ events, mac }: ArchiveTail): string {
  return JSON.stringify({ events, mac });
}

/** Parses a first line. Returns undefined for any text that `formatHead` does not return. */
export function parseHead(line: string): ArchiveHead | undefined {
  const parsed = headLine.safeParse(parseJson(line)).data;
  return parsed !== undefined && formatHead(parsed) === line ? parsed : undefined;
}

/** Parses an event. Returns undefined for any text that `formatEvent` does not return, so that no byte of a file can be changed unnoticed. */
export function parseEvent(line: string): ChainedEvent | undefined {
  const parsed = eventLine.safeParse(parseJson(line)).data;
  if (parsed === undefined) return undefined;
  const event = { ...parsed, action: parsed.action as AuditAction };
  return formatEvent(event) === line ? event : undefined;
}

/** Parses a last line. Returns undefined for any text that `formatTail` does not return. */
export function parseTail(line: string): ArchiveTail | undefined {
  const parsed = tailLine.safeParse(parseJson(line)).data;
  return parsed !== undefined && formatTail(parsed) === line ? parsed : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const place = z.number().int().min(0);
const time = z.string().transform((text) => new Date(text));
const link = z.strictObject({ seq: place, hash: z.string() });
const headLine = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  installation: z.string(),
  createdAt: time,
  previous: link,
  last: link,
});
const eventLine = z.strictObject({
  seq: place,
  at: time,
  actor: z.string(),
  account: z.string(),
  action: z.string(),
  target: z.string(),
  targetText: z.string(),
  outcome: z.string(),
  requestId: z.string(),
  hash: z.string(),
});
const tailLine = z.strictObject({ events: place, mac: z.string() });
