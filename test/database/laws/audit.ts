// The laws of the stored audit chain: every change outside the store is detected, and the first bad event named.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { AuditAnchor, AuditVerdict } from '../../../src/core/audit/verdict.ts';
import { verifyAudit } from '../../../src/core/audit/verification.ts';
import type { Store } from '../../../src/database/store.ts';
import { type Harness, migrationsDir, type StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleMac, sampleRegistry, sampleSealed } from '../samples.ts';

const length = 12;

export function auditLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  beforeEach(async () => {
    test = await harness().create();
  });
  afterEach(() => test.close());
  const verify = (anchor?: AuditAnchor, store: Store = test.store): Promise<AuditVerdict> =>
    verifyAudit({ trail: store.audit, mac: sampleMac, anchor });
  const append = async (count: number) => {
    for (let number = 1; number <= count; number++)
      await test.store.registries.appendAudit(sampleEvent({ target: `reg_${number}`, at: new Date(number) }));
  };
  const run = async (...statements: string[]) => {
    for (const statement of statements) await test.execute(statement);
  };

  it('an unmodified trail is whole, from none to more than a page of events', async () => {
    expect(await verify()).toEqual({ intact: true, checked: 0, head: { seq: 0, hash: '' }, adopted: null });
    await append(3);
    expect(await verify()).toMatchObject({
      intact: true,
      checked: 3,
      head: { seq: 3, hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    await append(1_001);
    expect(await verify()).toMatchObject({ intact: true, checked: 1_004, head: { seq: 1_004 } });
  });

  it('changes of every kind, at once or in turn, make one chain', async () => {
    const { registries, access } = test.store;
    const writes = Array.from({ length: 30 }, (_, number) =>
      registries.insert(sampleRegistry(number % 20), sampleSealed(), sampleEvent()),
    );
    await Promise.allSettled([...writes, access.revokeToken('nowhere', new Date(), sampleEvent())]);
    await registries.delete(sampleRegistry(1).id, sampleEvent({ action: 'registry.delete' }));
    expect(await verify()).toMatchObject({ intact: true, checked: 21, head: { seq: 21 } });
  });

  it.each([
    ['NUL and half a surrogate pair', { actor: 'a\0b\ud83d' }],
    ['every kind of letter', { actor: 'Zoë’s “名前” 🐳', targetText: '"],["\\' }],
  ])('an event with %s still fits its hash when it is read back', async (_, change) => {
    await test.store.registries.appendAudit(sampleEvent(change));
    expect(await verify()).toMatchObject({ intact: true, checked: 1 });
  });

  describe('is broken, and the first bad event named, when', () => {
    beforeEach(() => append(length));

    it.each(['at', 'actor', 'account', 'action', 'target', 'target_text', 'outcome', 'request_id', 'hash'])(
      '%s of an event is altered',
      async (column) => {
        await run(
          `UPDATE audit_event SET ${column} = ${column === 'at' ? 'at + 1' : `${column} || 'x'`} WHERE seq = 5`,
        );
        expect(await verify()).toEqual({ intact: false, checked: 4, seq: 5, damage: 'ALTERED' });
      },
    );

    it.each([
      ['the first event is removed', 1, 'MISSING', ['DELETE FROM audit_event WHERE seq = 1']],
      ['an event is removed', 5, 'MISSING', ['DELETE FROM audit_event WHERE seq = 5']],
      ['two events are removed', 5, 'MISSING', ['DELETE FROM audit_event WHERE seq IN (5, 6)']],
      [
        'an event is removed and the later ones move up',
        5,
        'MISSING',
        ['DELETE FROM audit_event WHERE seq = 5', ...shift(6, -1)],
      ],
      [
        'two events are removed and the later ones move up',
        5,
        'MISSING',
        ['DELETE FROM audit_event WHERE seq IN (5, 6)', ...shift(7, -2)],
      ],
      ['an event is inserted and the later ones move down', 5, 'INSERTED', [...shift(5, 1), copyOf(4, 5)]],
      [
        'an event without a hash is inserted',
        5,
        'INSERTED',
        [...shift(5, 1), copyOf(4, 5), 'UPDATE audit_event SET hash = NULL WHERE seq = 5'],
      ],
      ['an event is added at the end', 13, 'INSERTED', [copyOf(12, 13)]],
      ['two neighbours are swapped', 5, 'REORDERED', [move(5, 99), move(6, 5), move(99, 6)]],
      ['two distant events are swapped', 3, 'REORDERED', [move(3, 99), move(9, 3), move(99, 9)]],
      ['the last two are swapped', 11, 'REORDERED', [move(11, 99), move(12, 11), move(99, 12)]],
      ['the last event is cut off', 12, 'TRUNCATED', ['DELETE FROM audit_event WHERE seq = 12']],
      ['many are cut off', 3, 'TRUNCATED', ['DELETE FROM audit_event WHERE seq > 2']],
      ['all are cut off', 1, 'TRUNCATED', ['DELETE FROM audit_event']],
      [
        'the end is cut off and the head set back',
        12,
        'HEAD_ALTERED',
        ['DELETE FROM audit_event WHERE seq = 12', setHead(11)],
      ],
      [
        'the end and the head are cut off',
        12,
        'HEAD_ALTERED',
        ['DELETE FROM audit_event WHERE seq = 12', 'DELETE FROM audit_head'],
      ],
      ['everything is cut off', 1, 'HEAD_ALTERED', ['DELETE FROM audit_event', 'DELETE FROM audit_head']],
      ['the head is removed', 13, 'HEAD_ALTERED', ['DELETE FROM audit_head']],
    ])('%s', async (_, seq, damage, statements) => {
      await run(...statements);
      expect(await verify()).toEqual({ intact: false, checked: seq - 1, seq, damage });
    });

    it('the end is cut off and an old head is restored: only an external anchor shows it', async () => {
      const old = await test.store.audit.head();
      await append(2);
      const noted = (await verify()) as { head: AuditAnchor };
      await run(
        'DELETE FROM audit_event WHERE seq > 12',
        `UPDATE audit_head SET seq = ${old?.seq}, hash = '${old?.hash}', mac = '${old?.mac}'`,
      );
      expect(await verify()).toMatchObject({ intact: true, checked: 12 });
      expect(await verify(noted.head)).toEqual({ intact: false, checked: 12, seq: 13, damage: 'TRUNCATED' });
      for (const target of ['reg_other', 'reg_another'])
        await test.store.registries.appendAudit(sampleEvent({ target }));
      expect(await verify(noted.head)).toEqual({ intact: false, checked: 13, seq: 14, damage: 'ALTERED' });
    });

    it('the whole chain is rebuilt with another key', async () => {
      const verdict = await verifyAudit({ trail: test.store.audit, mac: (text) => sampleMac(`another ${text}`) });
      expect(verdict).toEqual({ intact: false, checked: 0, seq: 1, damage: 'ALTERED' });
    });
  });

  it.each([
    ['is set back', setHead(2)],
    ['is removed', 'DELETE FROM audit_head'],
  ])(
    'after the head %s no change is accepted: continuing would hide that events were cut off',
    async (_, statement) => {
      await append(3);
      await run('DELETE FROM audit_event WHERE seq = 3', statement);
      const again = await test.openAgain(migrationsDir);
      for (const { registries } of [test.store, again]) {
        await expect(registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent())).rejects.toThrow(
          'regway audit verify',
        );
        expect(await registries.byId(sampleRegistry(1).id)).toBeUndefined();
      }
      expect(await verify()).toMatchObject({ intact: false, seq: 3 });
      await again.close();
    },
  );

  it('events from before the chain are added unchanged, once, and an event records it', async () => {
    await append(3);
    // As the update leaves a database that had events, of which one had never been written.
    await run('DELETE FROM audit_event WHERE seq = 2', 'UPDATE audit_event SET hash = NULL', 'DELETE FROM audit_head');
    const before = Date.now();
    const replicas = [await test.openAgain(migrationsDir), await test.openAgain(migrationsDir)];
    const adopted = { lastSeq: 3, at: expect.any(Date) };
    expect(await verify()).toMatchObject({ intact: true, checked: 3, head: { seq: 4 }, adopted });
    const [recorded] = await test.store.audit.eventsAfter(3, 1);
    expect(recorded).toMatchObject({
      action: 'audit.adopt',
      actor: 'regway',
      account: 'admin',
      targetText: 'events up to 3',
    });
    expect(recorded!.at.getTime()).toBeGreaterThanOrEqual(before);
    await append(1);
    await run("UPDATE audit_event SET actor = 'x' WHERE seq = 1");
    expect(await verify()).toMatchObject({ intact: false, seq: 1, damage: 'ALTERED' });
    await Promise.all(replicas.map((store) => store.close()));
  });

  it('a trail is verified while it grows', async () => {
    await append(1_000);
    const growing = append(200);
    for (let round = 0; round < 5; round++) expect(await verify()).toMatchObject({ intact: true });
    await growing;
    expect(await verify()).toMatchObject({ intact: true, checked: 1_200 });
  });
}

function move(from: number, to: number): string {
  return `UPDATE audit_event SET seq = ${to} WHERE seq = ${from}`;
}

/** Moves the events from a place on, one by one in the order that the primary key allows. */
function shift(from: number, by: number): string[] {
  const places = Array.from({ length: length - from + 1 }, (_, index) => from + index);
  return (by > 0 ? places.toReversed() : places).map((seq) => move(seq, seq + by));
}

function copyOf(seq: number, to: number): string {
  const columns = 'at, actor, account, action, target, target_text, outcome, request_id';
  return `INSERT INTO audit_event (seq, ${columns}, hash) SELECT ${to}, ${columns}, 'f0' || substr(hash, 3) FROM audit_event WHERE seq = ${seq}`;
}

function setHead(seq: number): string {
  return `UPDATE audit_head SET seq = ${seq}, hash = (SELECT hash FROM audit_event WHERE seq = ${seq})`;
}
