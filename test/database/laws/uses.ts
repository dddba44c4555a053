// The laws of uses at rest: counts that add up, the newest first, and nothing left of a registry that is gone.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CountedUse, UseStore } from '../../../src/core/pulls/usage/uses.ts';
import { maxUsesPerRegistry } from '../../../src/database/repositories/usage.ts';
import type { Harness, StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleRegistry, sampleSealed } from '../samples.ts';

const start = Date.UTC(2026, 5, 6);
const [first, second, unused] = [sampleRegistry(1), sampleRegistry(2), sampleRegistry(3)];

export function useLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  let uses: UseStore;
  beforeEach(async () => {
    test = await harness().create();
    uses = test.store.uses;
    for (const registry of [first, second, unused]) {
      await test.store.registries.insert(registry, sampleSealed(), sampleEvent());
    }
  });
  afterEach(() => test.close());

  it('a use reads back as it was written', async () => {
    const use = sampleUse({ actor: 'Zoë’s “名前” 🐳', registryVersion: 2_147_483_647, count: 5_000_000_000 });
    await uses.addUses([use]);
    expect(await uses.usesOf(first.id, 10)).toStrictEqual([use]);
  });

  it('counts of the same who, image, version and outcome add up, and the later time stays', async () => {
    await uses.addUses([sampleUse({ count: 3, lastAt: at(5) })]);
    await uses.addUses([sampleUse({ count: 4, lastAt: at(9) })]);
    await uses.addUses([sampleUse({ count: 1, lastAt: at(7) })]);
    expect(await uses.usesOf(first.id, 10)).toStrictEqual([sampleUse({ count: 8, lastAt: at(9) })]);
  });

  it('a time that a wrong clock put far into the future is replaced by that of the next use', async () => {
    const day = 86_400;
    for (const seconds of [400 * day, 2 * day, 1.5 * day])
      await uses.addUses([sampleUse({ count: 1, lastAt: at(seconds) })]);
    expect(await uses.usesOf(first.id, 10)).toStrictEqual([sampleUse({ count: 3, lastAt: at(2 * day) })]);
  });

  it.each<[string, Partial<CountedUse>]>([
    ['registry', { registryId: second.id }],
    ['version', { registryVersion: 2 }],
    ['actor', { actor: 'token:other' }],
    ['image', { image: 'registry.example:5000/team/other' }],
    ['outcome', { outcome: 'INVALID_CREDENTIALS' }],
  ])('another %s is counted by itself', async (_, change) => {
    await uses.addUses([sampleUse(), sampleUse(change)]);
    await uses.addUses([sampleUse()]);
    const counts = [...(await uses.usesOf(first.id, 10)), ...(await uses.usesOf(second.id, 10))].map(
      ({ count }) => count,
    );
    expect(new Set(counts)).toEqual(new Set([1, 2]));
  });

  it('the newest come first, as many as are asked for', async () => {
    await uses.addUses(
      [1, 4, 2, 3].map((seconds) =>
        sampleUse({ image: `registry.example:5000/team/app-${seconds}`, lastAt: at(seconds) }),
      ),
    );
    expect((await uses.usesOf(first.id, 3)).map(({ lastAt }) => lastAt)).toEqual([at(4), at(3), at(2)]);
  });

  it('the last use of each registry is returned, and nothing for unused and unknown ones', async () => {
    await uses.addUses([
      sampleUse({ lastAt: at(1) }),
      sampleUse({ outcome: 'LOCKED_OUT', lastAt: at(3) }),
      sampleUse({ registryId: second.id, lastAt: at(2) }),
    ]);
    const found = await uses.lastUsed([first.id, second.id, unused.id, 'reg_none']);
    expect(found).toEqual(
      new Map([
        [first.id, at(3)],
        [second.id, at(2)],
      ]),
    );
    expect(await uses.lastUsed([])).toEqual(new Map());
  });

  it('uses of a registry that is gone are dropped, and the others of the batch are not', async () => {
    await uses.addUses([sampleUse({ registryId: 'reg_none' }), sampleUse()]);
    expect(await test.rows('SELECT registry_id FROM registry_use')).toEqual([{ registry_id: first.id }]);
  });

  it('uses go with their registry, and with no other', async () => {
    await uses.addUses([sampleUse(), sampleUse({ registryId: second.id })]);
    await test.store.registries.delete(first.id, sampleEvent({ action: 'registry.delete' }));
    expect(await test.rows('SELECT registry_id FROM registry_use')).toEqual([{ registry_id: second.id }]);
  });

  it('old counts are deleted by the time of their last use, of one registry at a time', async () => {
    const uses1 = [1, 5, 9].map((seconds) =>
      sampleUse({ image: `registry.example:5000/${seconds}`, lastAt: at(seconds) }),
    );
    await uses.addUses([...uses1, sampleUse({ registryId: second.id, lastAt: at(2) })]);
    expect(await uses.registriesUsedBefore(at(5), '', 10)).toEqual([first.id, second.id]);
    expect(await uses.registriesUsedBefore(at(5), first.id, 10)).toEqual([second.id]);
    expect(await uses.registriesUsedBefore(at(5), '', 1)).toEqual([first.id]);
    expect(await uses.registriesUsedBefore(at(1), '', 10)).toEqual([]);
    expect(await uses.deleteUsesBefore(first.id, at(5))).toBe(1);
    expect((await uses.usesOf(first.id, 10)).map(({ lastAt }) => lastAt)).toEqual([at(9), at(5)]);
    expect(await uses.registriesUsedBefore(at(5), '', 10)).toEqual([second.id]);
    expect(await uses.deleteUsesBefore('reg_none', at(5))).toBe(0);
  });

  it('a count that is used again while old ones are deleted stays or starts again, and no use is lost', async () => {
    const batch = Array.from({ length: 20 }, (_, number) =>
      sampleUse({ image: `registry.example:5000/team/app-${number}`, lastAt: at(1) }),
    );
    await uses.addUses(batch);
    const again = batch.map((use) => ({ ...use, lastAt: at(9) }));
    await Promise.all([uses.deleteUsesBefore(first.id, at(5)), uses.addUses(again.toReversed())]);
    const counts = await uses.usesOf(first.id, 100);
    expect(counts.map(({ lastAt }) => lastAt)).toEqual(Array.from({ length: 20 }, () => at(9)));
    expect(counts.every(({ count }) => count === 1 || count === 2)).toBe(true);
  });

  it('two batches at once on the same counts lose nothing', async () => {
    const batch = Array.from({ length: 20 }, (_, number) =>
      sampleUse({ image: `registry.example:5000/team/app-${number}` }),
    );
    await Promise.all([uses.addUses(batch), uses.addUses(batch.toReversed()), uses.addUses(batch)]);
    expect((await uses.usesOf(first.id, 100)).map(({ count }) => count)).toEqual(Array.from({ length: 20 }, () => 3));
  });

  it('invented images do not fill the disk: the newest of a registry are kept', async () => {
    const invented = (number: number) =>
      sampleUse({ image: `registry.example:5000/team/invented-${number}`, lastAt: at(number) });
    await uses.addUses([
      sampleUse({ registryId: second.id }),
      ...Array.from({ length: maxUsesPerRegistry }, (_, number) => invented(number)),
    ]);
    await uses.addUses([invented(maxUsesPerRegistry), invented(maxUsesPerRegistry + 1)]);
    const [row] = await test.rows(
      `SELECT count(*) AS rows, min(last_at) AS oldest FROM registry_use WHERE registry_id = '${first.id}'`,
    );
    expect([Number(row?.['rows']), Number(row?.['oldest'])]).toEqual([maxUsesPerRegistry, at(2).getTime()]);
    expect(await uses.usesOf(second.id, 10)).toHaveLength(1);
  });

  it('an actor who invents images displaces only its own counts', async () => {
    const other = sampleUse({ actor: 'token:other', lastAt: at(0) });
    await uses.addUses([other]);
    await uses.addUses(
      Array.from({ length: maxUsesPerRegistry + 5 }, (_, number) =>
        sampleUse({ image: `registry.example:5000/team/invented-${number}`, lastAt: at(1 + number) }),
      ),
    );
    const [row] = await test.rows('SELECT count(*) AS rows, min(last_at) AS oldest FROM registry_use');
    expect([Number(row?.['rows']), Number(row?.['oldest'])]).toEqual([maxUsesPerRegistry, other.lastAt.getTime()]);
  });

  it('older counts of an image that has a newer one are displaced first', async () => {
    const versions = [1, 2, 3].map((registryVersion) => sampleUse({ registryVersion, lastAt: at(5_000) }));
    const rejected = sampleUse({ registryVersion: 3, outcome: 'INVALID_CREDENTIALS', lastAt: at(5_001) });
    const images = Array.from({ length: maxUsesPerRegistry - 1 }, (_, number) =>
      sampleUse({ image: `registry.example:5000/team/app-of-${number}`, lastAt: at(number) }),
    );
    await uses.addUses([...versions, rejected, ...images]);
    expect(await uses.usesOf(first.id, 2)).toEqual([rejected, images.at(-1)]);
    expect(await test.rows('SELECT image FROM registry_use')).toHaveLength(maxUsesPerRegistry);
  });

  it('pages by the key of the last count contain every count once, also among equal times', async () => {
    const all = [
      sampleUse({ lastAt: at(3) }),
      ...['token:a', 'token:b', 'token:c'].map((actor) => sampleUse({ actor, lastAt: at(2) })),
      sampleUse({ registryVersion: 2, lastAt: at(2) }),
      sampleUse({ actor: 'token:z', lastAt: at(1) }),
    ];
    await uses.addUses([...all.toReversed(), sampleUse({ registryId: second.id, lastAt: at(2) })]);
    const pages: CountedUse[][] = [];
    do pages.push(await uses.usesOf(first.id, 2, pages.at(-1)?.at(-1)));
    while (pages.at(-1)?.length === 2);
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 2, 0]);
    expect(pages.flat()).toEqual(all);
  });

  it.each([
    ['NUL', 'a\0b', 'a\u{fffd}b'],
    ['half a surrogate pair', 'a\ud83d', 'a\u{fffd}'],
  ])('a subject with %s, which PostgreSQL cannot hold, stops no batch', async (_, actor, stored) => {
    await uses.addUses([sampleUse({ actor })]);
    expect((await uses.usesOf(first.id, 10)).map((use) => use.actor)).toEqual([stored]);
  });
}

function at(seconds: number): Date {
  return new Date(start + seconds * 1000);
}

function sampleUse(change: Partial<CountedUse> = {}): CountedUse {
  return {
    registryId: first.id,
    registryVersion: 1,
    actor: 'token:puller',
    image: 'registry.example:5000/team/app-1',
    outcome: 'DONE',
    count: 1,
    lastAt: at(0),
    ...change,
  };
}
