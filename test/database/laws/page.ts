// The laws of pages: every row once, in byte order, from either end, and filters that mean what they say.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Registry } from '../../../src/core/registry/registry.ts';
import {
  type PageQuery,
  type Position,
  type RegistryFilter,
  type RegistryOrderField,
  registryOrderFields,
  type RegistryStore,
} from '../../../src/core/registry/store.ts';
import { nameKey } from '../../../src/core/registry/search.ts';
import type { Harness, StoreUnderTest } from '../harness.ts';
import { pageQuery, sampleEvent, sampleRegistry, sampleReport, sampleSealed } from '../samples.ts';

/** Orders that locales, case folding and UTF-16 would each get wrong; several are equal. */
const names = [
  'b',
  'B',
  'a',
  'A',
  'ä',
  'Ä',
  'é',
  'z',
  'Z',
  '_',
  '-',
  '10',
  '9',
  'ﬀ',
  '🐳',
  '名',
  'a b',
  'ab',
  'same',
  'same',
  'same',
  'same',
  'same',
];

const cases = registryOrderFields.flatMap((field) =>
  (['ASC', 'DESC'] as const).flatMap((direction) => [true, false].map((forward) => ({ field, direction, forward }))),
);

export function pageLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  let registries: RegistryStore;
  beforeEach(async () => {
    test = await harness().create();
    registries = test.store.registries;
  });
  afterEach(() => test.close());

  const fill = async (rows: readonly Registry[]) => {
    for (const registry of rows) {
      await registries.insert(registry, sampleSealed(), sampleEvent());
    }
  };

  it.each(cases)(
    'pages by $field $direction (forward: $forward) visit every row once, in byte order',
    async ({ field, direction, forward }) => {
      const rows = sampleRows();
      await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
      await fill([...rows, sampleRegistry(99, { account: 'other', name: 'b' })]);
      const expected = rows
        .toSorted((one, other) => compare(one, other, field) * (direction === 'ASC' ? 1 : -1))
        .map(({ id }) => id);
      for (const limit of [1, 2, 7, 101]) {
        expect(await walk(registries, pageQuery({ field, direction, forward, limit }))).toEqual(expected);
      }
    },
  );

  it.each(['ASC', 'DESC'] as const)(
    'a range between two places, %s, has its ends from either side',
    async (direction) => {
      const rows = sampleRows().toSorted((one, other) => compare(one, other, 'NAME') * (direction === 'ASC' ? 1 : -1));
      await fill(rows);
      const [after, before] = [position(rows[3]!, 'NAME'), position(rows[15]!, 'NAME')];
      const range = pageQuery({ field: 'NAME', direction, after, before, limit: 5 });
      expect(ids(await registries.page(range))).toEqual(ids(rows.slice(4, 9)));
      expect(ids(await registries.page({ ...range, forward: false }))).toEqual(ids(rows.slice(10, 15)));
      expect(ids(await registries.page({ ...range, limit: 101 }))).toEqual(ids(rows.slice(4, 15)));
      expect(await registries.page({ ...range, limit: 0 })).toEqual([]);
      expect(await registries.page({ ...range, after: before, before: after })).toEqual([]);
    },
  );

  it.each<[string, RegistryFilter, number[]]>([
    ['nothing', {}, [1, 2, 3, 4, 5]],
    ['a host', { host: 'docker.io' }, [1, 3]],
    ['a type', { type: 'AWSECR' }, [2]],
    ['an outcome', { outcome: 'VALID' }, [3]],
    ['a host and an outcome', { host: 'docker.io', outcome: 'VALID' }, [3]],
    ['a host and a type that do not meet', { host: 'docker.io', type: 'AWSECR' }, []],
    ['text in the registry', { search: 'docker' }, [1, 3]],
    ['text in the name', { search: 'per cent' }, [4]],
    ['text in the user name', { search: 'robot-5' }, [5]],
    ['text in another case', { search: 'DOCKER.IO' }, [1, 3]],
    ['text that is stored in another case', { search: 'aws' }, [2]],
    ['letters beyond ASCII', { search: 'zoë' }, [5]],
    ['letters beyond ASCII in another case', { search: 'ZOË' }, [5]],
    ['letters without their marks', { search: 'zoe' }, [5]],
    ['a per cent sign', { search: '%' }, [4]],
    ['an underscore', { search: '_' }, [5]],
    ['a backslash', { search: '\\' }, [3]],
    ['a quote', { search: `'` }, [2]],
    ['empty text', { search: '' }, [1, 2, 3, 4, 5]],
    ['long text', { search: 'x'.repeat(100_000) }, []],
  ])('a filter for %s finds and counts the same rows', async (_, filter, expected) => {
    await fill([
      sampleRegistry(1, { registry: 'docker.io/a', host: 'docker.io' }),
      sampleRegistry(2, { type: 'AWSECR', name: `it's AWS` }),
      sampleRegistry(3, {
        registry: 'docker.io/b',
        host: 'docker.io',
        name: 'back\\slash',
        lastValidation: sampleReport(),
      }),
      sampleRegistry(4, { name: '100% Per Cent', lastValidation: sampleReport({ outcome: 'TIMEOUT' }) }),
      sampleRegistry(5, { name: 'under_score zoë' }),
    ]);
    const wanted = expected.map((number) => sampleRegistry(number).id);
    expect(ids(await registries.page(pageQuery({ filter, field: 'CREATED_AT' })))).toEqual(wanted);
    expect(await registries.count('admin', filter)).toBe(wanted.length);
    expect(await registries.count('other', filter)).toBe(0);
  });

  it('a lookup of patterns finds only those of the account, and accepts hundreds', async () => {
    await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
    await fill(Array.from({ length: 20 }, (_, number) => sampleRegistry(number)));
    await fill([sampleRegistry(50, { account: 'other' })]);
    const texts = Array.from({ length: 500 }, (_, number) => sampleRegistry(number).registry);
    expect(await registries.byPatterns('admin', texts)).toHaveLength(20);
    expect(ids(await registries.byPatterns('other', texts))).toEqual([sampleRegistry(50).id]);
    expect(await registries.byPatterns('admin', [`'; DROP TABLE registry; --`, '"', '\\', '{}'])).toEqual([]);
  });

  it.each([1, 2, 3, 8, 9, 130])(
    'of %i patterns the first that the account has is found, at any position',
    async (count) => {
      await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
      const [first, second, foreign] = [sampleRegistry(1), sampleRegistry(2), sampleRegistry(3, { account: 'other' })];
      await fill([first, second]);
      await fill([foreign]);
      for (const place of new Set([0, Math.floor(count / 2), count - 1])) {
        const texts = Array.from({ length: count }, (_, number) =>
          number < place ? `${foreign.registry}${number || ''}` : second.registry,
        ).with(place, first.registry);
        expect((await registries.findMostSpecific('admin', texts))?.id).toBe(first.id);
      }
    },
  );

  it('the registries of a host come by text, at most as many as asked', async () => {
    await fill([3, 1, 2].map((number) => sampleRegistry(number)));
    await fill([sampleRegistry(0, { host: 'other.example' })]);
    const host = sampleRegistry(1).host;
    expect(ids(await registries.byHosts('admin', [host], 9))).toEqual(
      [1, 2, 3].map((number) => sampleRegistry(number).id),
    );
    expect(ids(await registries.byHosts('admin', [host], 2))).toEqual(
      [1, 2].map((number) => sampleRegistry(number).id),
    );
  });

  it('the registries of several hosts come together, at most as many of each as asked, and none of another account', async () => {
    await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
    await fill(
      [1, 2, 3].map((number) => sampleRegistry(number, { host: 'a.example', registry: `a.example/${4 - number}` })),
    );
    await fill([4, 5].map((number) => sampleRegistry(number, { host: 'b.example', registry: `b.example/${number}` })));
    await fill([
      sampleRegistry(6, { host: 'a.example', registry: 'a.example/0', account: 'other' }),
      sampleRegistry(7, { host: 'c.example' }),
    ]);
    const found = await registries.byHosts('admin', ['b.example', 'a.example', 'a.example/1', 'd.example'], 2);
    expect(found.map(({ registry }) => registry)).toEqual(['a.example/1', 'a.example/2', 'b.example/4', 'b.example/5']);
  });
}

function sampleRows(): Registry[] {
  return names.map((name, number) =>
    sampleRegistry(number, {
      name,
      registry: `${name}.${number}`,
      createdAt: new Date(1_700_000_000_000 + (number % 4)),
      updatedAt: new Date(1_700_000_000_000 - (number % 3)),
    }),
  );
}

/** Follows the pages to the end, as a client does, and puts them together in the order asked for. */
async function walk(registries: RegistryStore, query: PageQuery): Promise<string[]> {
  const pages: Registry[][] = [];
  let edge: Position | null = null;
  do {
    const page: Registry[] = await registries.page({ ...query, [query.forward ? 'after' : 'before']: edge });
    const last = query.forward ? page.at(-1) : page[0];
    edge = last === undefined ? null : position(last, query.field);
    pages.push(page);
  } while (edge !== null);
  return ids(query.forward ? pages.flat() : pages.toReversed().flat());
}

function position(registry: Registry, field: RegistryOrderField): Position {
  return { value: valueOf(registry, field), id: registry.id };
}

function valueOf(registry: Registry, field: RegistryOrderField): string | number {
  return {
    REGISTRY: registry.registry,
    NAME: nameKey(registry.name),
    CREATED_AT: registry.createdAt.getTime(),
    UPDATED_AT: registry.updatedAt.getTime(),
  }[field];
}

function compare(one: Registry, other: Registry, field: RegistryOrderField): number {
  const [left, right] = [valueOf(one, field), valueOf(other, field)];
  const order =
    typeof left === 'number' ? left - Number(right) : Buffer.compare(Buffer.from(left), Buffer.from(String(right)));
  return order === 0 ? Buffer.compare(Buffer.from(one.id), Buffer.from(other.id)) : order;
}

function ids(registries: readonly Registry[]): string[] {
  return registries.map(({ id }) => id);
}
