// The laws of archives: old events move from the database to a file, nothing is lost at any interruption, and both together prove the whole trail.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveEvents, type ArchivingPorts, planArchiving } from '../../../src/core/audit/archiving.ts';
import { parseEvent } from '../../../src/core/audit/archive.ts';
import { describeVerdict } from '../../../src/core/audit/verdict.ts';
import { propertyRuns } from '../../support/property-runs.ts';
import { type Harness, migrationsDir, type StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleMac } from '../samples.ts';
import { type ArchiveKit, archiveKit, day, today } from './archive-kit.ts';

export function archiveLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  let kit: ArchiveKit;
  beforeEach(async () => {
    test = await harness().create();
    kit = archiveKit(test);
  });
  afterEach(() => test.close());

  it('old events are in the file and no longer in the database, and both together prove all of them', async () => {
    await kit.append(0, 2_500);
    const result = await kit.archive('one', 2_400);
    expect(result).toMatchObject({ events: 2_400, lastSeq: 2_400, lastAt: day(2_399), continued: false });
    expect(await kit.stored()).toEqual(Array.from({ length: 101 }, (_, index) => 2_401 + index));
    const [added] = await test.store.audit.eventsAfter(2_500, 1);
    expect(added).toMatchObject({ action: 'audit.archive', actor: 'cli', account: 'admin', target: result.digest });
    expect(await kit.verify()).toMatchObject({
      intact: true,
      checked: 101,
      archived: { lastSeq: 2_400, undeleted: 0 },
    });
    const whole = await kit.verify(['one']);
    expect(whole).toMatchObject({ intact: true, checked: 2_501, archives: { events: 2_400, previousSeq: 0 } });
    expect(describeVerdict(await kit.verify())).toBe(
      'The audit trail is intact: 101 events verified, from event 2401 on.',
    );
    expect(describeVerdict(whole)).toBe('The audit trail is intact: 2501 events verified.');
  });

  it('the file is private, one JSON object a line, and every event reads back as it was stored', async () => {
    const odd = sampleEvent({ at: day(1), actor: 'Zoë’s “名前” 🐳\u2028', targetText: '"],["\\\n' });
    await test.store.registries.appendAudit(odd);
    await kit.archive('one', 10);
    expect(statSync(kit.path('one')).mode & 0o777).toBe(0o600);
    const [head, event, tail, end] = kit.read('one').split('\n');
    expect(JSON.parse(head!)).toMatchObject({ format: 'regway-audit-archive', version: 1, last: { seq: 1 } });
    expect(parseEvent(event!)).toMatchObject({ ...odd, seq: 1 });
    expect(JSON.parse(tail!)).toEqual({ events: 1, mac: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(end).toBe('');
  });

  it('if no event is old enough, nothing changes and no file is created', async () => {
    await kit.append(10, 12);
    const before = await test.rows('SELECT * FROM audit_event');
    expect(await kit.archive('one', 10)).toMatchObject({ events: 0, digest: null });
    expect(await test.rows('SELECT * FROM audit_event')).toEqual(before);
    expect(kit.ports('one').file.open()).toBeUndefined();
  });

  it('a plan counts the events and changes nothing', async () => {
    await kit.append(0, 5);
    expect(await planArchiving(kit.ports('one'), day(3))).toMatchObject({ old: { count: 3, last: { seq: 3 } } });
    expect(await kit.stored()).toEqual([1, 2, 3, 4, 5]);
    expect(kit.ports('one').file.open()).toBeUndefined();
  });

  it('all events may be archived: the trail goes on from the anchor, in every store on the database', async () => {
    await kit.append(0, 3);
    await kit.archive('one', 100);
    expect(await kit.stored()).toEqual([4]);
    const again = await test.openAgain(migrationsDir);
    await again.registries.appendAudit(sampleEvent({ at: day(101) }));
    await again.close();
    await kit.append(102, 103);
    expect(await kit.verify(['one'])).toMatchObject({ intact: true, checked: 6, head: { seq: 6 } });
  });

  it('an event of a wrong clock, dated in the future, keeps no later one from its archive', async () => {
    await kit.append(0, 2);
    await kit.append(today + 5, today + 6);
    await kit.append(2, 4);
    await kit.append(today + 7, today + 8);
    expect(await kit.archive('one', 100)).toMatchObject({ events: 5, lastSeq: 5 });
    expect(await kit.verify(['one'])).toMatchObject({ intact: true, checked: 7 });
  });

  it('an event that is too young keeps itself and all later ones in the database', async () => {
    await kit.append(0, 2);
    await kit.append(50, 51);
    await kit.append(2, 4);
    expect(await archiveEvents(kit.ports('one', 60), day(20))).toMatchObject({ events: 2, lastSeq: 2 });
  });

  it('an existing file of another content is never overwritten, and nothing is deleted', async () => {
    await kit.append(0, 5);
    writeFileSync(kit.path('other'), 'notes\n');
    await expect(kit.archive('other', 3)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(kit.read('other')).toBe('notes\n');
    expect(await kit.stored()).toHaveLength(5);
  });

  it('the name of the newest archive cannot be used for the next one', async () => {
    await kit.append(0, 5);
    await kit.archive('one', 3);
    const before = kit.read('one');
    await expect(kit.archive('one', 5)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(kit.read('one')).toBe(before);
    // Two of the days, and the event of the first archive.
    expect(await kit.archive('two', 5)).toMatchObject({ events: 3 });
  });

  it.each([['where nothing can be created', 'none/one']])('%s, nothing is deleted', async (_, name) => {
    await kit.append(0, 5);
    await expect(kit.archive(name, 3)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(await kit.stored()).toHaveLength(5);
  });

  it('of two runs at once one archives, and no event is lost', async () => {
    await kit.append(0, 30);
    const results = await Promise.allSettled([kit.archive('one', 20), kit.archive('two', 20)]);
    const done = results.findIndex(({ status }) => status === 'fulfilled');
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await kit.verify([['one', 'two'][done]!])).toMatchObject({ intact: true, checked: 31 });
  });

  it('a server goes on appending, and a verification at the same time finds the trail intact', async () => {
    await kit.append(0, 2_200);
    const work = Promise.all([kit.archive('one', 2_100), kit.append(3_000, 3_050)]);
    for (let round = 0; round < 10; round += 1) expect(await kit.verify()).toMatchObject({ intact: true });
    await work;
    expect(await kit.verify(['one'])).toMatchObject({ intact: true, checked: 2_251 });
  });

  describe('after a run that stops', () => {
    it('before or after any of its steps, every event is in the database or in a complete file, and another run goes on', async () => {
      let [step, stopped] = [0, true];
      const files: string[] = [];
      let next = 0;
      for (; stopped; step += 1) {
        const first = next;
        // More than one transaction of deletions.
        await kit.append(first, (next += 1_100));
        const file = `archive-${step}`;
        const run = stoppingAt(step, kit.ports(file, next));
        stopped = await archiveEvents(run.ports, day(next)).then(
          () => false,
          (error: unknown) => {
            expect(String(error)).toContain('stopped');
            return true;
          },
        );
        const events = await eventsIn(kit, test, file);
        const appended = Array.from({ length: next - first }, (_, index) => `reg_${first + index}`);
        expect(
          appended.filter((target) => !events.has(target)),
          `step ${step}`,
        ).toEqual([]);
        expect(await kit.verify()).toMatchObject({ intact: true });
        const result = await kit.archive(file, next);
        expect(result.events).toBeGreaterThanOrEqual(1_100);
        files.push(file);
        expect((await kit.stored()).length).toBe(1);
      }
      const archives = { previousSeq: 0 };
      expect(await kit.verify(files)).toMatchObject({ intact: true, checked: next + files.length, archives });
      // Both sides of reading the trail, creating the file, reading it back, recording it, and each deletion.
      expect(step).toBeGreaterThan(15);
    }, 600_000);

    it('while its file is written, the file does not exist', async () => {
      await kit.append(0, 1_500);
      const ports = kit.ports('one');
      const stopping = {
        ...ports.trail,
        eventsAfter: (seq: number, limit: number) =>
          seq >= 1_000 ? Promise.reject(new Error('stopped')) : ports.trail.eventsAfter(seq, limit),
      };
      await expect(archiveEvents({ ...ports, trail: stopping }, day(1_500))).rejects.toThrow('stopped');
      expect(ports.file.open()).toBeUndefined();
      expect(await kit.stored()).toHaveLength(1_500);
    });

    it('a file that reads back otherwise than it was written deletes nothing', async () => {
      await kit.append(0, 5);
      const ports = kit.ports('one');
      const file = {
        ...ports.file,
        async create(pieces: AsyncIterable<string>) {
          await ports.file.create(pieces);
          kit.forge('one', 'one', ([head, , ...rest]) => [head!, ...rest]);
        },
      };
      await expect(archiveEvents({ ...ports, file }, day(3))).rejects.toThrow('cannot be read as it was written');
      expect(await kit.stored()).toHaveLength(5);
    });
  });

  it('any sequence of changes and archives is one chain, and any changed byte of any archive breaks it', async () => {
    const runs = fc.array(fc.record({ events: fc.integer({ min: 0, max: 7 }), kept: fc.integer({ min: 0, max: 3 }) }), {
      minLength: 1,
      maxLength: 5,
    });
    const property = fc.asyncProperty(
      runs,
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (steps, file, byte, change) => {
        await test.close();
        test = await harness().create();
        kit = archiveKit(test);
        const names: string[] = [];
        let appended = 0;
        for (const { events, kept } of steps) {
          await kit.append(appended, (appended += events));
          const { digest } = await kit.archive(`a${names.length}`, appended - kept);
          if (digest !== null) names.push(`a${names.length}`);
        }
        expect(await kit.verify(names)).toMatchObject({ intact: true, checked: appended + names.length });
        if (names.length === 0) return;
        const name = names[file % names.length]!;
        const bytes = changeByte(kit, name, byte, change);
        expect(await kit.verify(names), `byte ${bytes}`).toMatchObject({ intact: false });
      },
    );
    await fc.assert(property, { numRuns: propertyRuns(100) });
  }, 120_000);

  it('the mac of another installation opens nothing', async () => {
    await kit.append(0, 5);
    await kit.archive('one', 3);
    const mac = (text: string) => sampleMac(`another ${text}`);
    expect(await kit.verify([], { mac })).toMatchObject({ intact: false, damage: 'ARCHIVE_RECORD_ALTERED' });
  });
}

function changeByte(kit: ArchiveKit, name: string, byte: number, change: number): number {
  const bytes = readFileSync(kit.path(name));
  const at = byte % bytes.length;
  bytes[at] = bytes[at]! ^ change;
  writeFileSync(kit.path(name), bytes);
  return at;
}

/** Returns the targets of all events that the database or an archive contains. */
async function eventsIn(kit: ArchiveKit, test: StoreUnderTest, name: string): Promise<Set<string>> {
  const rows = await test.rows('SELECT target FROM audit_event');
  const targets = new Set(rows.map(({ target }) => String(target)));
  const source = kit.ports(name).file.open();
  if (source === undefined) return targets;
  for await (const line of source.lines) {
    const event = parseEvent(line);
    if (event !== undefined) targets.add(event.target);
  }
  return targets;
}

/** Returns ports that stop at one call: even numbers before it, odd ones after it. */
function stoppingAt(step: number, ports: ArchivingPorts): { readonly ports: ArchivingPorts } {
  let calls = 0;
  const stopping = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) => {
          const call = calls++;
          if (call * 2 === step) throw new Error('stopped before');
          const result: unknown = Reflect.apply(method, target, args);
          if (call * 2 + 1 !== step) return result;
          if (!(result instanceof Promise)) throw new Error('stopped after');
          return result.then(() => {
            throw new Error('stopped after');
          });
        };
      },
    });
  return {
    ports: {
      ...ports,
      trail: stopping(ports.trail),
      archives: stopping(ports.archives),
      file: stopping(ports.file),
    },
  };
}
