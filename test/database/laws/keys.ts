// The laws of a rotation of stored keys: each step is atomic, only the active key seals, and a concurrent change of a password wins.

import { afterEach, beforeEach, expect, it } from 'vitest';

import { StaleKeys } from '../../../src/core/passwords/sealer.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { copiedMigrations, type Harness, type StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleKey, sampleRegistry } from '../samples.ts';

/** As the seal writes it: a version, the id of the data key in 4 bytes, and the rest. */
function sealedWith(keyId: number, fill = 1): Uint8Array {
  const sealed = new Uint8Array(129).fill(fill);
  new DataView(sealed.buffer).setUint32(1, keyId);
  return sealed;
}

export function keyLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  const canary = new Uint8Array([1]);
  const event = sampleEvent({ action: 'keys.rotate_data' });
  const insert = (number: number, sealed: Uint8Array) =>
    test.store.registries.insert(sampleRegistry(number), sealed, sampleEvent());
  const ids = async () => (await test.store.keys.dataKeys()).map(({ id, state }) => `${id} ${state}`);
  beforeEach(async () => {
    test = await harness().create();
    await test.store.keys.insertFirst(sampleKey(1), canary);
  });
  afterEach(() => test.close());

  it('what making a key throws reaches the caller in its own words, and no key is stored', async () => {
    const thrown = new Problem('SECRET_UNREADABLE', 'The root key is gone.');
    await expect(test.store.keys.insertAuditKey(() => Promise.reject(thrown))).rejects.toMatchObject({
      code: 'SECRET_UNREADABLE',
      message: 'The root key is gone.',
    });
    expect(await ids()).toEqual(['1 ACTIVE']);
  });

  it('another key becomes active in place of the one before it, with its canary and event', async () => {
    expect(await test.store.keys.activate(sampleKey(2), sampleKey(1), new Uint8Array([2]), event)).toBe(true);
    expect(await ids()).toEqual(['1 RETIRED', '2 ACTIVE']);
    expect(await test.store.keys.canary()).toEqual(new Uint8Array([2]));
    expect(await test.rows('SELECT action FROM audit_event')).toEqual([{ action: 'keys.rotate_data' }]);
  });

  it.each([
    ['is no longer active', sampleKey(2), sampleKey(3)],
    ['is wrapped with another root key', { ...sampleKey(2), rootKeyId: 'fedcba9876543210' }, sampleKey(1)],
  ])('no key becomes active in place of one that %s', async (_, key, replaced) => {
    expect(await test.store.keys.activate(key, replaced, new Uint8Array([2]), event)).toBe(false);
    expect(await ids()).toEqual(['1 ACTIVE']);
    expect(await test.store.keys.canary()).toEqual(canary);
  });

  it('of ten activations at once, one is done', async () => {
    const attempts = Array.from({ length: 10 }, (_, number) =>
      test.store.keys.activate(sampleKey(number + 2), sampleKey(1), new Uint8Array([number]), event),
    );
    expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(1);
    expect((await ids()).filter((key) => key.endsWith('ACTIVE'))).toHaveLength(1);
  });

  it('keys are rewrapped all together or not at all', async () => {
    await test.store.keys.activate(sampleKey(2), sampleKey(1), canary, event);
    const before = await test.store.keys.dataKeys();
    const rewrapped = before.map((key) => ({
      ...key,
      rootKeyId: 'fedcba9876543210',
      wrapped: new Uint8Array([key.id]),
    }));
    await expect(test.store.keys.rewrap(() => Promise.reject(new Error('the file is gone')))).rejects.toThrow(
      'The store failed',
    );
    expect(await test.store.keys.dataKeys()).toStrictEqual(before);
    await test.store.keys.rewrap(async (held) => {
      expect(held.toSorted((one, other) => one.id - other.id)).toStrictEqual(before);
      return { keys: rewrapped, event };
    });
    expect(await test.store.keys.dataKeys()).toStrictEqual(rewrapped);
  });

  it('a password is stored if the active key sealed it, and not if another did', async () => {
    await insert(1, sealedWith(1));
    await test.store.keys.activate(sampleKey(2), sampleKey(1), canary, event);
    await expect(insert(2, sealedWith(1))).rejects.toBeInstanceOf(StaleKeys);
    await expect(insert(2, sealedWith(7))).rejects.toBeInstanceOf(StaleKeys);
    const changed = { ...sampleRegistry(1), version: 2 };
    await expect(test.store.registries.update(changed, sealedWith(1, 2), 1, event)).rejects.toBeInstanceOf(StaleKeys);
    await test.store.registries.update(changed, sealedWith(2), 1, event);
    await insert(2, sealedWith(2));
    expect(await test.store.keys.countSealed()).toEqual(new Map([[2, 2]]));
  });

  it('passwords are resealed where they are unchanged, and nothing else in their rows changes', async () => {
    await insert(1, sealedWith(1, 1));
    await insert(2, sealedWith(1, 2));
    await test.store.keys.activate(sampleKey(2), sampleKey(1), canary, event);
    const before = await test.store.keys.sealedAfter('', 10);
    const stale = { id: sampleRegistry(2).id, slot: 'CURRENT' as const, from: sealedWith(1, 9), to: sealedWith(2, 9) };
    await test.store.keys.reseal([
      { id: sampleRegistry(1).id, slot: 'CURRENT', from: sealedWith(1, 1), to: sealedWith(2, 1) },
      stale,
    ]);
    expect(await test.store.keys.sealedAfter('', 10)).toStrictEqual([
      { ...before[0], sealed: { ...before[0]!.sealed, CURRENT: sealedWith(2, 1) } },
      before[1],
    ]);
    expect(await test.store.keys.sealedAfter(sampleRegistry(1).id, 10)).toStrictEqual([before[1]]);
  });

  it.each(['PENDING', 'PREVIOUS'] as const)('a key is kept while it seals a %s password', async (slot) => {
    await insert(1, sealedWith(1));
    const others = {
      pending: slot === 'PENDING' ? sealedWith(1, 2) : null,
      previous: slot === 'PREVIOUS' ? sealedWith(1, 2) : null,
    };
    await test.store.registries.update({ ...sampleRegistry(1), version: 2 }, sealedWith(1), 1, event, others);
    await test.store.keys.activate(sampleKey(2), sampleKey(1), canary, event);
    await test.store.keys.reseal([
      { id: sampleRegistry(1).id, slot: 'CURRENT', from: sealedWith(1), to: sealedWith(2) },
    ]);
    expect(await test.store.keys.deleteRetired(1, event)).toBe(false);
    expect(await test.store.keys.countSealed()).toEqual(
      new Map([
        [1, 1],
        [2, 1],
      ]),
    );
    await test.store.keys.reseal([{ id: sampleRegistry(1).id, slot, from: sealedWith(1, 2), to: sealedWith(2, 2) }]);
    expect(await test.store.keys.deleteRetired(1, event)).toBe(true);
  });

  it('a key is deleted when it is retired and seals nothing', async () => {
    await insert(1, sealedWith(1));
    await test.store.keys.activate(sampleKey(2), sampleKey(1), canary, event);
    expect(await test.store.keys.deleteRetired(1, event)).toBe(false);
    expect(await test.store.keys.deleteRetired(2, event)).toBe(false);
    await test.store.keys.reseal([
      { id: sampleRegistry(1).id, slot: 'CURRENT', from: sealedWith(1), to: sealedWith(2) },
    ]);
    expect(await test.store.keys.deleteRetired(1, event)).toBe(true);
    expect(await ids()).toEqual(['2 ACTIVE']);
  });

  it('keys are counted by their whole id', async () => {
    await test.store.keys.activate(sampleKey(4_294_967_295), sampleKey(1), canary, event);
    await insert(1, sealedWith(4_294_967_295));
    expect(await test.store.keys.countSealed()).toEqual(new Map([[4_294_967_295, 1]]));
  });

  it('keys that do not fit refuse the database before a migration that is due', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.add('9999_due', ['CREATE TABLE due (id integer)']);
    const refused = test.openAgain(migrations.path, async (keys) => {
      expect(await keys.dataKeys()).toStrictEqual([sampleKey(1)]);
      throw new Error('another keyring');
    });
    await expect(refused).rejects.toThrow('another keyring');
    await expect(test.rows('SELECT id FROM due')).rejects.toThrow(/due/);
  });
}
