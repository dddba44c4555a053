// The laws of search: every word somewhere in a registry's folded texts, the same as a plain filter of all rows, and nothing of what was deleted.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Registry } from '../../../src/core/registry/registry.ts';
import { fold, nameKey } from '../../../src/core/registry/search.ts';
import type { RegistryFilter, RegistryStore } from '../../../src/core/registry/store.ts';
import type { Harness, StoreUnderTest } from '../harness.ts';
import { pageQuery, sampleEvent, sampleRegistry, sampleReport, sampleSealed } from '../samples.ts';

/** Pieces of names in several scripts, with marks before and after their letters, and the operators of LIKE, FTS5, and SQL. */
const pieces = [
  ['İstanbul', 'ısı', 'Iğdır', 'Straße', 'STRASSE', 'ﬁne', 'Zoë', 'zoe', 'Ångström', 'ΟΔΟΣ', 'οδός', 'Ⅷ', '１２'],
  ['🐳', '👩‍🚀', '東京', '名前', '서울', 'ไทย', 'א', 'e\u0301', 'a\u0308\u0323', 'ẞ', '\u212A', 'x'],
  ['%', '_', '\\', '"', "'", '*', '^', '-', 'AND', 'OR', 'NOT', 'NEAR(', ')', ':', '{', 'text:', '""', ' ', '  ', 'ab'],
].flat();
const name = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join('').trim());

export function searchLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  let registries: RegistryStore;
  beforeEach(async () => {
    test = await harness().create();
    registries = test.store.registries;
  });
  afterEach(() => test.close());

  const find = async (filter: RegistryFilter, limit = 101) =>
    (await registries.page(pageQuery({ filter, field: 'CREATED_AT', limit }))).map(({ id }) => id);
  const fill = async (rows: readonly Registry[]) => {
    for (const registry of rows) await registries.insert(registry, sampleSealed(), sampleEvent());
  };
  /** Copies rows behind the store's back, and opens the store again, which derives what such rows lack. */
  const multiply = async (count: number) => {
    const id = harness().dialect === 'sqlite' ? `printf('%032d', n)` : `lpad(n::text, 32, '0')`;
    await test.execute(`WITH RECURSIVE numbers (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${1000 + count - 1})
      INSERT INTO registry (id, account, registry, host, name, type, username, secure_connection, version, secret_version, sealed, created_at, updated_at)
      SELECT 'reg_' || ${id}, account, 'many.example/' || n, 'many.example', 'Many ' || n, type, 'u', secure_connection, 1, 1, sealed, n, n
      FROM numbers, (SELECT account, type, secure_connection, sealed FROM registry LIMIT 1) AS one`);
    await (await test.openAgain(migrationsOf())).close();
  };
  const migrationsOf = () => new URL('../../../drizzle', import.meta.url).pathname;

  it.each<[string, string, string]>([
    ['another case', 'Zoë Müller', 'zoe MULLER'],
    ['words in another order', 'Docker Hub production', 'production docker'],
    ['a word in the name and one in the pattern', 'Docker Hub', 'hub registry.example'],
    ['a compatibility form', 'ﬁne １２', 'fine 12'],
    ['a capital sigma at the end', 'ΟΔΟΣ', 'οδο οδος'],
    ['a capital dotted I', 'İstanbul', 'istanbul'],
    ['a composed letter', 'cafe\u0301', 'café'],
    ['one letter', 'Zoë Ž', 'ž'],
    ['two letters of another script', '東京都', '京都'],
  ])('a search finds %s', async (_, stored, search) => {
    await fill([sampleRegistry(1, { name: stored }), sampleRegistry(2)]);
    expect(await find({ search })).toEqual([sampleRegistry(1).id]);
    expect(await registries.count('admin', { search })).toBe(1);
  });

  it.each<[string, string]>([
    ['the end of one field and the start of the next', 'app-1Registry'],
    ['a word that is nowhere, besides one that is', 'registry nowhere'],
    ['an operator of FTS5', 'regi*'],
    ['a wildcard of LIKE', 'regi%ry'],
    ['a single wildcard', 'registr_'],
    ['an end of a text and a condition', `' OR '1'='1`],
    ['a column of the index', 'text:registry'],
  ])('a search does not find by %s', async (_, search) => {
    await fill([sampleRegistry(1)]);
    expect(await find({ search })).toEqual([]);
  });

  it('a search is a plain filter over folded texts, whatever the letters', async () => {
    const names = fc.sample(name, { numRuns: 60, seed: 19 });
    const rows = names.map((text, number) =>
      sampleRegistry(number, { name: text, username: names[names.length - 1 - number]! }),
    );
    await fill(rows);
    await fc.assert(
      fc.asyncProperty(
        fc.array(name, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 2, 3, 9),
        async (parts, letters) => {
          const search = parts.map((part) => Array.from(part).slice(0, letters).join('')).join(' ');
          const words = fold(search).split(/\s+/u);
          const expected = rows.filter(({ registry, name: text, username }) =>
            words.every((word) => [registry, text, username].some((field) => fold(field).includes(word))),
          );
          expect(await find({ search })).toEqual(expected.map(({ id }) => id));
          expect(await registries.count('admin', { search })).toBe(expected.length);
        },
      ),
      { numRuns: 60, seed: 19 },
    );
  });

  it('a search follows updates and deletes', async () => {
    await fill([sampleRegistry(1, { name: 'before' })]);
    await registries.update(sampleRegistry(1, { name: 'later', version: 2 }), sampleSealed(), 1, sampleEvent());
    expect([await find({ search: 'before' }), await find({ search: 'later' })]).toEqual([[], [sampleRegistry(1).id]]);
    await registries.delete(sampleRegistry(1).id, sampleEvent());
    expect(await find({ search: 'later' })).toEqual([]);
    expect(await test.rows('SELECT * FROM registry_search')).toEqual([]);
    await fill([sampleRegistry(1, { name: 'before' })]);
    expect(await find({ search: 'before' })).toEqual([sampleRegistry(1).id]);
  });

  it('a change that is refused leaves the search as it was', async () => {
    await fill([sampleRegistry(1, { name: 'before' })]);
    await test.refuseAudit();
    const change = sampleRegistry(1, { name: 'later', version: 2 });
    await expect(registries.update(change, sampleSealed(), 1, sampleEvent())).rejects.toThrow(/rejected|refused/);
    await expect(registries.insert(sampleRegistry(2), sampleSealed(), sampleEvent())).rejects.toThrow(
      /rejected|refused/,
    );
    expect([await find({ search: 'before' }), await find({ search: 'later' })]).toEqual([[sampleRegistry(1).id], []]);
    expect(await find({ search: 'registry' })).toEqual([sampleRegistry(1).id]);
  });

  it('a search of one account finds nothing of another', async () => {
    await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
    await fill([sampleRegistry(1, { name: 'shared' }), sampleRegistry(2, { name: 'shared', account: 'other' })]);
    expect(await find({ search: 'shared' })).toEqual([sampleRegistry(1).id]);
    expect(await registries.count('other', { search: 'shared' })).toBe(1);
  });

  it('among thousands, rare and common words, short ones, and filters find the same as a plain filter, page by page', async () => {
    await fill([
      sampleRegistry(1, { name: 'Zürich needle' }),
      sampleRegistry(2, { name: 'zz Needle', type: 'ACR', lastValidation: sampleReport() }),
      sampleRegistry(3, { name: 'Many ACR', type: 'ACR' }),
    ]);
    await multiply(3_000);
    const all = await registries.count('admin', {});
    expect(all).toBe(3_003);
    const filters: [RegistryFilter, number][] = [
      [{ search: 'needle' }, 2],
      [{ search: 'NEEDLE zu' }, 1],
      [{ search: 'many' }, 3_001],
      [{ search: 'many 399' }, 13],
      [{ search: 'ma' }, 3_001],
      [{ search: 'zz' }, 1],
      [{ search: 'qq' }, 0],
      [{ type: 'ACR' }, 2],
      [{ type: 'DOCKER_V2' }, 3_001],
      [{ type: 'ACR', outcome: 'VALID' }, 1],
      [{ type: 'DOCKER_V2', search: 'many' }, 3_000],
      [{ type: 'ACR', search: 'many' }, 1],
      [{ host: 'many.example', search: '1' }, 0],
    ];
    for (const [filter, count] of filters) {
      const rows = await everyPage(registries, filter);
      expect([filter, rows.length]).toEqual([
        filter,
        filter.host === undefined ? count : await registries.count('admin', filter),
      ]);
      expect(await registries.count('admin', filter)).toBe(rows.length);
      expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
      expect(rows.map((row) => nameKey(row.name))).toEqual(rows.map((row) => nameKey(row.name)).toSorted(byBytes));
    }
  });

  it('names are ordered without case and marks, then by themselves', async () => {
    const names = ['b', 'Éclair', 'eclair', 'Eclairs', 'éclair', 'Zoo', 'a', 'A', 'ä', 'ﬁg', 'fig', 'Fig', '10', '９'];
    await fill(names.map((text, number) => sampleRegistry(number, { name: text })));
    const page = await registries.page(pageQuery({ field: 'NAME' }));
    expect(page.map((row) => row.name).join()).toBe('10,９,A,a,ä,b,eclair,Éclair,éclair,Eclairs,Fig,fig,ﬁg,Zoo');
  });

  it('the longest folded name is stored, and in order', async () => {
    // One letter that decomposes to 18.
    const longest = '\uFDFA'.repeat(200);
    await fill([sampleRegistry(1, { name: longest }), sampleRegistry(2, { name: `${longest.slice(1)}a` })]);
    expect(await registries.page(pageQuery({ field: 'NAME' }))).toHaveLength(2);
    expect(await find({ search: longest.slice(0, 9) })).toHaveLength(2);
  });
}

async function everyPage(registries: RegistryStore, filter: RegistryFilter): Promise<Registry[]> {
  const rows: Registry[] = [];
  for (;;) {
    const last = rows.at(-1);
    const after = last === undefined ? null : { value: nameKey(last.name), id: last.id };
    const page = await registries.page(pageQuery({ filter, field: 'NAME', after }));
    rows.push(...page);
    if (page.length < 101) return rows;
  }
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
