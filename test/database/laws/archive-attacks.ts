// Attacks on archived events: by an owner of the database without the keyring, and on the files.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { archiveEvents } from '../../../src/core/audit/archiving.ts';
import {
  archiveRecord,
  type ArchiveRecord,
  archiveTail,
  formatEvent,
  formatHead,
  formatTail,
  installationOf,
  parseHead,
} from '../../../src/core/audit/archive.ts';
import { type AuditMac, type ChainPlace, eventHash } from '../../../src/core/audit/chain.ts';
import type { AuditEvent } from '../../../src/core/audit/event.ts';
import { type Harness, migrationsDir, type StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleMac, sampleRegistry, sampleSealed } from '../samples.ts';
import { type ArchiveKit, archiveKit, day } from './archive-kit.ts';

const otherMac: AuditMac = (text) => sampleMac(`another ${text}`);

/** Three archives of ten events each, and ten events after them; 33 with those of the archives. */
const names = ['one', 'two', 'three'];

export function archiveAttackLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  let kit: ArchiveKit;
  let record: ArchiveRecord;
  const setUp = async () => {
    test = await harness().create();
    kit = archiveKit(test);
    await kit.append(0, 40);
    for (const [index, name] of names.entries()) await kit.archive(name, 10 * (index + 1));
    record = (await test.store.audit.archive())!;
  };

  const setRecord = ({ previous, last, events, digest, at, actor, mac }: ArchiveRecord): string =>
    `UPDATE audit_archive SET previous_seq = ${previous.seq}, previous_hash = '${previous.hash}', last_seq = ${last.seq},
      last_hash = '${last.hash}', events = ${events}, digest = '${digest}', at = ${at.getTime()}, actor = '${actor}', mac = '${mac}'`;
  const eventAt = async (seq: number) => (await test.store.audit.eventsAfter(seq - 1, 1))[0]!;
  const copyOf = (seq: number, to: number): string => {
    const columns = 'at, actor, account, action, target, target_text, outcome, request_id, hash';
    return `INSERT INTO audit_event (seq, ${columns}) SELECT ${to}, ${columns} FROM audit_event WHERE seq = ${seq}`;
  };

  describe('without an attack', () => {
    beforeAll(setUp);
    afterAll(() => test.close());

    it('the archives and the database prove every event', async () => {
      expect(await kit.verify(names)).toMatchObject({ intact: true, checked: 43 });
      expect(await kit.verify(['two', 'three'])).toMatchObject({
        intact: true,
        checked: 33,
        archives: { previousSeq: 10 },
      });
      expect(await kit.verify()).toMatchObject({ intact: true, checked: 13, archived: { lastSeq: 30, undeleted: 0 } });
    });
  });

  describe('an owner of the database without the keyring who', () => {
    beforeEach(setUp);
    afterEach(() => test.close());

    const attacks: readonly [string, string, number, () => Promise<readonly string[]>][] = [
      [
        'deletes events and moves the record behind them',
        'ARCHIVE_RECORD_ALTERED',
        1,
        async () => {
          const { seq, hash } = await eventAt(35);
          return [
            'DELETE FROM audit_event WHERE seq <= 35',
            setRecord({ ...record, last: { seq, hash: hash! }, events: 15 }),
          ];
        },
      ],
      [
        'signs a record with a key of their own',
        'ARCHIVE_RECORD_ALTERED',
        1,
        async () => {
          const { seq, hash } = await eventAt(35);
          const forged = archiveRecord(otherMac, { ...record, last: { seq, hash: hash! } });
          return ['DELETE FROM audit_event WHERE seq <= 35', setRecord(forged)];
        },
      ],
      [
        'replaces the digest by that of an archive with fewer events',
        'ARCHIVE_RECORD_ALTERED',
        1,
        async () => [setRecord({ ...record, digest: '0'.repeat(64) })],
      ],
      ['deletes the record', 'MISSING', 1, async () => ['DELETE FROM audit_archive']],
      [
        'deletes the first event after the archive',
        'MISSING',
        31,
        async () => ['DELETE FROM audit_event WHERE seq = 31'],
      ],
      ['inserts an event among the archived ones, where lists show it', 'INSERTED', 5, async () => [copyOf(31, 5)]],
      ['inserts an event that continues the archive before', 'ALTERED', 21, async () => [copyOf(31, 21)]],
      ['deletes every event', 'TRUNCATED', 31, async () => ['DELETE FROM audit_event']],
    ];
    it.each(attacks)('%s is found: %s', async (_, damage, seq, statements) => {
      for (const statement of await statements()) await test.execute(statement);
      expect(await kit.verify()).toEqual({ intact: false, damage, seq, checked: seq > 30 ? seq - 31 : 0 });
    });

    it('puts back an older record of the same database is found, because the events between are missing', async () => {
      const { hash: firstHash } = JSON.parse(kit.read('two').split('\n')[0]!).previous as { hash: string };
      const older = archiveRecord(sampleMac, {
        ...record,
        previous: { seq: 0, hash: '' },
        last: { seq: 10, hash: firstHash },
      });
      await test.execute(setRecord(older));
      expect(await kit.verify()).toEqual({ intact: false, damage: 'MISSING', seq: 11, checked: 0 });
    });

    it('empties the trail and its end gets no new chain: the record shows that one existed', async () => {
      await test.execute('DELETE FROM audit_event');
      await test.execute('DELETE FROM audit_head');
      const again = await test.openAgain(migrationsDir);
      await expect(again.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent())).rejects.toThrow(
        'regway audit verify',
      );
      await again.close();
      expect(await kit.verify()).toMatchObject({ intact: false, damage: 'HEAD_ALTERED', seq: 31 });
    });

    it.each([
      ['alters an event', "UPDATE audit_event SET actor = 'x' WHERE seq = 33", 'event 33 was altered'],
      ['deletes an event', 'DELETE FROM audit_event WHERE seq = 33', 'event 33 was deleted'],
      ['forges the record', "UPDATE audit_archive SET actor = 'x'", 'ARCHIVE_RECORD_ALTERED'],
    ])('%s cannot have the trace archived away', async (_, statement, message) => {
      await test.execute(statement);
      await expect(kit.archive('four', 100)).rejects.toThrow(message);
      expect(kit.ports('four').file.open()).toBeUndefined();
      expect(await test.rows('SELECT seq FROM audit_event WHERE seq = 34')).toHaveLength(1);
    });
  });

  describe('an archive', () => {
    beforeAll(setUp);
    afterAll(() => test.close());

    const lines: readonly [string, string, (lines: string[]) => readonly string[]][] = [
      [
        'with an altered event',
        'ARCHIVE_ALTERED',
        (all) => all.with(3, all[3]!.replace('token:tester', 'token:nobody')),
      ],
      ['with an altered time', 'ARCHIVE_ALTERED', (all) => all.with(3, all[3]!.replace('.000Z', '.001Z'))],
      ['with a space more', 'ARCHIVE_ALTERED', (all) => all.with(3, all[3]!.replace('":', '": '))],
      ['with a field twice', 'ARCHIVE_ALTERED', (all) => all.with(3, all[3]!.replace('{', '{"actor":"x",'))],
      ['with a field more', 'ARCHIVE_ALTERED', (all) => all.with(3, all[3]!.replace('}', ',"note":"x"}'))],
      ['without an event', 'ARCHIVE_ALTERED', (all) => all.toSpliced(3, 1)],
      ['without its last event', 'ARCHIVE_ALTERED', (all) => all.toSpliced(-3, 1)],
      ['with an event twice', 'ARCHIVE_ALTERED', (all) => all.toSpliced(3, 0, all[3]!)],
      ['with two events swapped', 'ARCHIVE_ALTERED', (all) => all.with(3, all[4]!).with(4, all[3]!)],
      ['with a line after its end', 'ARCHIVE_ALTERED', (all) => [...all.slice(0, -1), all[1]!, '']],
      ['with an empty line', 'ARCHIVE_ALTERED', (all) => all.toSpliced(3, 0, '')],
      ['with a line of 2 MiB', 'ARCHIVE_ALTERED', (all) => all.toSpliced(3, 0, 'x'.repeat(2 * 1024 * 1024))],
      ['with another time of creation', 'ARCHIVE_FORGED', (all) => all.with(0, all[0]!.replace('T00:', 'T01:'))],
      [
        'that claims to begin later',
        'ARCHIVE_ALTERED',
        (all) => [all[0]!.replace('"seq":10', '"seq":11'), ...all.slice(2)],
      ],
      [
        'that claims to end earlier',
        'ARCHIVE_ALTERED',
        (all) => [all[0]!.replace('"seq":20', '"seq":19'), ...all.slice(1)],
      ],
      ['without its last line', 'ARCHIVE_TRUNCATED', (all) => [...all.slice(0, -2), '']],
      ['without its last newline', 'ARCHIVE_TRUNCATED', (all) => all.slice(0, -1)],
      ['cut in the middle', 'ARCHIVE_TRUNCATED', (all) => all.slice(0, 5)],
      ['of no line', 'ARCHIVE_INVALID', () => ['']],
      ['of another version', 'ARCHIVE_INVALID', (all) => all.with(0, all[0]!.replace('"version":1', '"version":2'))],
      ['that is something else', 'ARCHIVE_INVALID', () => ['{"format":"notes"}', '']],
    ];
    it.each(lines)('%s is found: %s', async (_, damage, change) => {
      kit.forge('two', 'forged', change);
      expect(kit.read('forged')).not.toBe(kit.read('two'));
      const verdict = await kit.verify(['one', 'forged', 'three']);
      expect(verdict).toMatchObject({ intact: false, damage, archive: kit.path('forged') });
    });

    it('names the first event that is not proven, and counts those before it', async () => {
      kit.forge('two', 'forged', (all) => all.with(3, all[3]!.replace('DONE', 'LOST')));
      expect(await kit.verify(['one', 'forged', 'three'])).toMatchObject({ seq: 13, checked: 12 });
    });

    it('with bytes that are no UTF-8 in place of a letter is found', async () => {
      const bytes = readFileSync(kit.path('two'));
      bytes[bytes.indexOf('tester')] = 0xff;
      writeFileSync(kit.path('forged'), bytes);
      expect(await kit.verify(['one', 'forged', 'three'])).toMatchObject({ damage: 'ARCHIVE_ALTERED', seq: 11 });
    });

    it('cut at any byte is found', async () => {
      const whole = readFileSync(kit.path('three'));
      for (let length = 0; length < whole.length; length += 97) {
        writeFileSync(kit.path('cut'), whole);
        truncateSync(kit.path('cut'), length);
        expect(await kit.verify(['one', 'two', 'cut']), `${length}`).toMatchObject({ intact: false });
      }
    });

    it.each<[string, string, readonly string[]]>([
      ['left out at the start is not claimed to be verified', 'intact', ['two', 'three']],
      ['left out in the middle is a gap', 'ARCHIVE_GAP', ['one', 'three']],
      ['left out at the end is a gap', 'ARCHIVE_GAP', ['one', 'two']],
      ['swapped with another is named', 'ARCHIVE_ORDER', ['two', 'one', 'three']],
      ['passed twice is named', 'ARCHIVE_OVERLAP', ['one', 'two', 'two', 'three']],
      ['in the opposite order is named', 'ARCHIVE_ORDER', ['three', 'two', 'one']],
    ])('%s', async (_, damage, passed) => {
      const verdict = await kit.verify(passed);
      expect(verdict.intact ? 'intact' : verdict.damage).toBe(damage);
    });

    it('of another installation is named as such', async () => {
      const verdict = await kit.verify(names, { mac: otherMac });
      expect(verdict).toMatchObject({ damage: 'ARCHIVE_OF_OTHER_INSTALLATION', archive: kit.path('one') });
    });

    it('of a copy of the installation that went its own way does not fit', async () => {
      // The same keyring and the same first events, as after a restore on another machine.
      const { last } = parseHead(kit.read('one').split('\n')[0]!)!;
      const copy = [21, 22, 23].map((number) => sampleEvent({ at: day(number), target: `reg_${number}` }));
      writeFileSync(kit.path('forked'), archiveOf(last, copy));
      expect(await kit.verify(['one', 'forked', 'three'])).toMatchObject({ damage: 'ARCHIVE_GAP' });
      writeFileSync(
        kit.path('forked'),
        archiveOf(
          last,
          Array.from({ length: 10 }, () => copy[0]!),
        ),
      );
      expect(await kit.verify(['one', 'forked', 'three'])).toMatchObject({ damage: 'ARCHIVE_MISMATCH' });
      writeFileSync(
        kit.path('forked'),
        archiveOf(
          last,
          Array.from({ length: 20 }, () => copy[0]!),
        ),
      );
      expect(await kit.verify(['one', 'forked'])).toMatchObject({ damage: 'ARCHIVE_MISMATCH', seq: 31 });
      writeFileSync(
        kit.path('forked'),
        archiveOf(
          last,
          Array.from({ length: 25 }, () => copy[0]!),
        ),
      );
      expect(await kit.verify(['one', 'forked'])).toMatchObject({ damage: 'ARCHIVE_MISMATCH', seq: 35 });
    });

    it('of the same events that is not the recorded file is found by its digest', async () => {
      await kit.append(50, 60);
      const archives = { ...test.store.auditArchives, recordArchive: async () => false };
      const stray = archiveEvents({ ...kit.ports('stray', 60), archives }, day(55));
      await expect(stray).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await kit.verify([...names, 'stray'])).toMatchObject({ intact: true });
      await archiveEvents(kit.ports('four', 61), day(55));
      expect(await kit.verify([...names, 'four'])).toMatchObject({ intact: true });
      expect(await kit.verify([...names, 'stray'])).toMatchObject({ intact: false, damage: 'ARCHIVE_MISMATCH' });
    });
  });

  describe('an anchor', () => {
    beforeAll(setUp);
    afterAll(() => test.close());

    const anchorOf = (name: string, line: number) => {
      const { seq, hash } = JSON.parse(kit.read(name).split('\n')[line]!) as { seq: number; hash: string };
      return { seq, hash };
    };

    it('of an archived event is compared in its archive, and not passed over without it', async () => {
      const anchor = anchorOf('two', 4);
      expect(await kit.verify(names, { anchor })).toMatchObject({ intact: true });
      expect(await kit.verify([], { anchor })).toMatchObject({ intact: false, damage: 'ANCHOR_ARCHIVED' });
      expect(await kit.verify(['three'], { anchor })).toMatchObject({ intact: false, damage: 'ANCHOR_ARCHIVED' });
      const wrong = { ...anchor, hash: '0'.repeat(64) };
      expect(await kit.verify(names, { anchor: wrong })).toMatchObject({ intact: false, damage: 'ARCHIVE_MISMATCH' });
    });

    it('of the last archived event is compared with the record', async () => {
      const anchor = anchorOf('three', 10);
      expect(await kit.verify([], { anchor })).toMatchObject({ intact: true });
      const wrong = { ...anchor, hash: '0'.repeat(64) };
      expect(await kit.verify([], { anchor: wrong })).toMatchObject({ intact: false, damage: 'ALTERED' });
    });
  });
}

/** Returns the text of an archive that a process with the key of the trail would write. */
function archiveOf(previous: ChainPlace, events: readonly AuditEvent[]): string {
  let last = previous;
  const lines = events.map((event) => {
    const seq = last.seq + 1;
    last = { seq, hash: eventHash(sampleMac, last.hash, seq, event) };
    return formatEvent({ ...event, ...last });
  });
  const head = formatHead({ installation: installationOf(sampleMac), createdAt: day(100), previous, last });
  return [head, ...lines, formatTail(archiveTail(sampleMac, head, events.length)), ''].join('\n');
}
