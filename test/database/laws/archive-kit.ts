// What the laws of archives share: a trail of one event a day, archives of it in a directory, and the verification of both.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveFile, openArchive } from '../../../src/app/maintenance/archive-file.ts';
import { archiveEvents, type Archiving, type ArchivingPorts } from '../../../src/core/audit/archiving.ts';
import { type AuditMac, type ChainPlace, chainStart, eventHash, headOf } from '../../../src/core/audit/chain.ts';
import type { AuditEvent } from '../../../src/core/audit/event.ts';
import type { AuditAnchor, AuditVerdict } from '../../../src/core/audit/verdict.ts';
import { verifyAudit } from '../../../src/core/audit/verification.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';
import type { StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleMac } from '../samples.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const start = Date.UTC(2026, 0, 1);

/** The start of a day. */
export const day = (number: number): Date => new Date(start + number * dayMs);

/** A day after every event. */
export const today = 1_000_000;

export interface ArchiveKit {
  /** Appends one event for each day of a range. */
  append(from: number, to: number): Promise<void>;
  /** @param now The day; defaults to one after every event. */
  ports(name: string, now?: number): ArchivingPorts;
  /** Archives the events before a day, on that day. */
  archive(name: string, before: number): Promise<Archiving>;
  verify(names?: readonly string[], options?: { anchor?: AuditAnchor; mac?: AuditMac }): Promise<AuditVerdict>;
  path(name: string): string;
  read(name: string): string;
  /** Writes a changed copy of an archive under another name. */
  forge(from: string, to: string, change: (lines: string[]) => readonly string[]): void;
  /** Returns the numbers of the stored events. */
  stored(): Promise<number[]>;
}

/** Events that are appended through the store; more go to the tables directly, which takes a hundredth of the time. */
const maxSingly = 50;

async function appendAtOnce(test: StoreUnderTest, events: readonly AuditEvent[]): Promise<void> {
  let place: ChainPlace = (await test.store.audit.head()) ?? chainStart;
  const rows = events.map((event) => {
    const seq = place.seq + 1;
    place = { seq, hash: eventHash(sampleMac, place.hash, seq, event) };
    const { actor, account, action, target, targetText, outcome, requestId } = event;
    const texts = [actor, account, action, target, targetText, outcome, requestId, place.hash];
    return `(${seq}, ${event.at.getTime()}, ${texts.map((text) => `'${text}'`).join(', ')})`;
  });
  const columns = 'seq, at, actor, account, action, target, target_text, outcome, request_id, hash';
  const { seq, hash, mac } = headOf(sampleMac, place.seq, place.hash);
  await test.execute(`INSERT INTO audit_event (${columns}) VALUES ${rows.join(', ')}`);
  await test.execute(`UPDATE audit_head SET seq = ${seq}, hash = '${hash}', mac = '${mac}'`);
}

export function archiveKit(test: StoreUnderTest): ArchiveKit {
  const directory = makeTemporaryDirectory('archives', 'memory');
  const path = (name: string): string => join(directory, name);
  const read = (name: string): string => readFileSync(path(name), 'utf8');
  const ports = (name: string, now = today): ArchivingPorts => ({
    trail: test.store.audit,
    archives: test.store.auditArchives,
    mac: sampleMac,
    file: archiveFile(path(name)),
    now: () => day(now),
    actor: 'cli',
    requestId: 'request-archive',
    pause: async () => undefined,
  });
  return {
    async append(from, to) {
      const events = Array.from({ length: Math.max(0, to - from) }, (_, index) =>
        sampleEvent({ at: day(from + index), target: `reg_${from + index}` }),
      );
      if (events.length > maxSingly) return await appendAtOnce(test, events);
      for (const event of events) await test.store.registries.appendAudit(event);
    },
    ports,
    archive: (name, before) => archiveEvents(ports(name, before), day(before)),
    verify: (names = [], { anchor, mac = sampleMac } = {}) =>
      verifyAudit({ trail: test.store.audit, mac, anchor, archives: names.map((name) => openArchive(path(name))) }),
    path,
    read,
    forge: (from, to, change) => writeFileSync(path(to), change(read(from).split('\n')).join('\n')),
    stored: async () => (await test.rows('SELECT seq FROM audit_event ORDER BY seq')).map(({ seq }) => Number(seq)),
  };
}
