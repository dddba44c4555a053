// The entities of a federated graph: found together, under the permissions of `registry` and `image`, one bad key spoiling no other.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Role } from '../../../../src/core/authz/principal.ts';
import { statementsDuring } from '../../../support/statements.ts';
import { dataAt, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;
const ids = new Map<string, string>();
const stored = [
  'docker.io',
  'docker.io/anchore/*',
  'ghcr.io',
  ...Array.from({ length: 10 }, (_, number) => `r${number}.example`),
];

beforeAll(async () => {
  endpoint = await openEndpoint();
  for (const text of stored) ids.set(text, await created(text));
});

beforeEach(() => {
  endpoint.calls.length = 0;
  endpoint.log.length = 0;
});

afterAll(() => endpoint.close());

async function created(registry: string): Promise<string> {
  const document = 'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input) { registry { id } } }';
  return dataAt(
    await endpoint.send(document, { input: { registry, username: 'me', password: 'p' } }),
    'createRegistry',
    'registry',
    'id',
  ) as string;
}

const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
  __typename ... on Registry { id text: registry } ... on ContainerImage { reference tag registry { registry } } } }`;
const ask = (representations: readonly unknown[], token: Role | null = 'ADMIN', document = query) =>
  endpoint.send(document, { representations }, token);
const image = (reference: unknown) => ({ __typename: 'ContainerImage', reference });
const missingId = 'reg_ffffffffffffffffffffffffffffffff';

describe('found', () => {
  test('by any of their keys, in the order asked, as often as asked', async () => {
    const id = ids.get('ghcr.io') ?? '';
    const answer = await ask([
      image('anchore/grype:v1'),
      { __typename: 'Registry', id },
      { __typename: 'Registry', registry: 'index.docker.io/anchore/*' },
      image('quay.io/a/b'),
      image('anchore/grype:v1'),
    ]);
    const grype = {
      __typename: 'ContainerImage',
      reference: 'docker.io/anchore/grype:v1',
      tag: 'v1',
      registry: { registry: 'docker.io/anchore/*' },
    };
    expect(answer.body).toEqual({
      data: {
        _entities: [
          grype,
          { __typename: 'Registry', id, text: 'ghcr.io' },
          { __typename: 'Registry', id: ids.get('docker.io/anchore/*'), text: 'docker.io/anchore/*' },
          { __typename: 'ContainerImage', reference: 'quay.io/a/b', tag: null, registry: null },
          grype,
        ],
      },
    });
  });

  test('a missing entity is null, without an error', async () => {
    const answer = await ask([
      { __typename: 'Registry', id: missingId },
      { __typename: 'Registry', id: 'x' },
      { __typename: 'Registry', registry: 'nothing.example' },
    ]);
    expect(answer.body).toEqual({ data: { _entities: [null, null, null] } });
  });

  test('by the ID if a representation has both keys, with any other fields', async () => {
    const answer = await ask([
      { __typename: 'Registry', id: ids.get('ghcr.io'), registry: 'docker.io', name: 'other', account: 'x' },
    ]);
    expect(dataAt(answer, '_entities', 0, 'text')).toBe('ghcr.io');
  });

  test('from a document that holds the representations itself', async () => {
    const answer = await endpoint.send(
      '{ _entities(representations: [{ __typename: "ContainerImage", reference: "ghcr.io/a/b" }]) { ... on ContainerImage { registry { registry } } } }',
    );
    expect(dataAt(answer, '_entities', 0, 'registry', 'registry')).toBe('ghcr.io');
  });

  test('none for none', async () => {
    expect((await ask([])).body).toEqual({ data: { _entities: [] } });
  });
});

describe('a hundred references', () => {
  const images = Array.from({ length: 70 }, (_, number) => image(`r${number % 10}.example/team/app-${number}:1`));
  const registries = (key: 'id' | 'registry') =>
    Array.from({ length: 15 }, (_, number) => ({
      __typename: 'Registry',
      [key]: key === 'id' ? ids.get(stored[number % stored.length] ?? '') : stored[number % stored.length],
    }));
  const fields =
    '__typename ... on Registry { text: registry } ... on ContainerImage { registry { registry lastValidation { outcome } } candidates { matched reason registry { registry } } }';

  test.each([
    [
      'images',
      () => Array.from({ length: 100 }, (_, number) => image(`r${number % 10}.example/team/app-${number}:1`)),
      '... on ContainerImage { registry { registry } }',
      1,
    ],
    [
      'images with their candidates',
      () => images,
      '... on ContainerImage { registry { registry } candidates { reason } }',
      2,
    ],
    [
      'images and registries by either key',
      () => [...images, ...registries('id'), ...registries('registry')],
      '__typename ... on Registry { text: registry } ... on ContainerImage { registry { registry } }',
      2,
    ],
    [
      'images and registries, with candidates',
      () => [...images, ...registries('id'), ...registries('registry')],
      fields,
      3,
    ],
    [
      'registries, with their last use',
      () => [...registries('id'), ...registries('registry')],
      '... on Registry { lastUsedAt }',
      3,
    ],
  ])('of %s need few statements', async (_, representations, selection, expected) => {
    let answer: Awaited<ReturnType<typeof ask>> | undefined;
    const document = `query ($representations: [_Any!]!) { _entities(representations: $representations) { ${selection} } }`;
    const statements = await statementsDuring(async () => (answer = await ask(representations(), 'ADMIN', document)));
    expect(answer?.body.errors).toBeUndefined();
    expect(dataAt(answer as NonNullable<typeof answer>, '_entities')).toHaveLength(representations().length);
    expect(statements).toHaveLength(expected);
  });
});

describe('one bad representation', () => {
  const huge = 'x'.repeat(50_000);
  test.each<[string, unknown, string, object]>([
    [
      'an invalid reference',
      image('Bad//Name'),
      'INVALID_REFERENCE',
      { reason: 'HOST_AMBIGUOUS', field: ['reference'] },
    ],
    ['an empty reference', image(''), 'INVALID_REFERENCE', { reason: 'EMPTY', field: ['reference'] }],
    ['a huge reference', image(huge), 'INVALID_REFERENCE', { reason: 'PATH_TOO_LONG', field: ['reference'] }],
    ['a reference that is a number', image(42), 'INVALID_INPUT', { field: ['reference'] }],
    ['a reference that is an object', image({ toString: 'ubuntu' }), 'INVALID_INPUT', { field: ['reference'] }],
    ['a reference that is null', image(null), 'INVALID_INPUT', { field: ['reference'] }],
    ['no key at all', { __typename: 'ContainerImage' }, 'INVALID_INPUT', { field: ['reference'] }],
    ['a registry without a key', { __typename: 'Registry' }, 'INVALID_INPUT', { field: ['id'] }],
    ['a registry whose id is a list', { __typename: 'Registry', id: [missingId] }, 'INVALID_INPUT', { field: ['id'] }],
    [
      'an invalid registry pattern',
      { __typename: 'Registry', registry: 'a b' },
      'INVALID_REGISTRY',
      { field: ['registry'] },
    ],
    [
      'a huge registry text',
      { __typename: 'Registry', registry: huge },
      'INVALID_REGISTRY',
      { reason: 'PATH_TOO_LONG' },
    ],
    ['no type name', { reference: 'ubuntu' }, 'INVALID_INPUT', { field: ['representations', '__typename'] }],
    [
      'a type of the schema that is no entity',
      { __typename: 'Principal', subject: 'token:admin' },
      'INVALID_INPUT',
      { field: ['representations', '__typename'] },
    ],
    [
      'a type name from the prototype',
      { __typename: 'constructor' },
      'INVALID_INPUT',
      { field: ['representations', '__typename'] },
    ],
    [
      'a type name that is an object',
      { __typename: { toString: 'Registry' } },
      'INVALID_INPUT',
      { field: ['representations', '__typename'] },
    ],
    [
      'keys in a prototype',
      JSON.parse('{ "__proto__": { "__typename": "ContainerImage", "reference": "ubuntu" } }'),
      'INVALID_INPUT',
      { field: ['representations', '__typename'] },
    ],
    [
      'a key in a prototype',
      JSON.parse('{ "__typename": "ContainerImage", "__proto__": { "reference": "ubuntu" } }'),
      'INVALID_INPUT',
      { field: ['reference'] },
    ],
    ['a text', 'ContainerImage', 'INVALID_INPUT', { field: ['representations', '__typename'] }],
    ['a number', 42, 'INVALID_INPUT', { field: ['representations', '__typename'] }],
    ['a list', [image('ubuntu')], 'INVALID_INPUT', { field: ['representations', '__typename'] }],
  ])('(%s) is null with an error at its place, and the others are answered', async (_, bad, code, details) => {
    const answer = await ask([image('ubuntu'), bad, { __typename: 'Registry', registry: 'ghcr.io' }]);
    expect(dataAt(answer, '_entities')).toMatchObject([
      { reference: 'docker.io/library/ubuntu' },
      null,
      { text: 'ghcr.io' },
    ]);
    expect(answer.body.errors).toMatchObject([{ path: ['_entities', 1], extensions: { code, ...details } }]);
    expect(answer.text).not.toContain('xxxxx');
    expect(endpoint.log).toEqual([]);
  });

  test('among a hundred good ones: each bad one has its own error', async () => {
    const representations = Array.from({ length: 100 }, (_, number) =>
      image(number % 10 === 3 ? 'Bad//Name' : `ghcr.io/a/b${number}`),
    );
    const answer = await ask(representations);
    expect(answer.body.errors?.map(({ path }) => path)).toEqual(
      [3, 13, 23, 33, 43, 53, 63, 73, 83, 93].map((place) => ['_entities', place]),
    );
    expect((dataAt(answer, '_entities') as unknown[]).filter((entity) => entity === null)).toHaveLength(10);
  });

  test('another key assigns to no prototype', async () => {
    await ask([
      JSON.parse(
        '{ "__typename": "Registry", "id": "x", "__proto__": { "polluted": true }, "constructor": { "prototype": { "polluted": true } } }',
      ),
    ]);
    expect('polluted' in {}).toBe(false);
  });
});

describe('no oracle of what exists', () => {
  const known = () => [
    image('docker.io/anchore/grype'),
    { __typename: 'Registry', id: ids.get('ghcr.io') },
    { __typename: 'Registry', registry: 'ghcr.io' },
  ];
  const unknown = [
    image('nothing.example/a'),
    { __typename: 'Registry', id: missingId },
    { __typename: 'Registry', registry: 'nothing.example' },
  ];
  const unfit = [image('Bad//Name'), { __typename: 'Registry', id: 4 }, { __typename: 'Nothing' }];

  test.each<[Role | null, readonly (string | undefined)[]]>([
    [null, ['UNAUTHENTICATED']],
    ['READ_ONLY', ['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']],
  ])('%s gets the same answer for known and unknown keys, and nothing is read', async (token, codes) => {
    const answers: string[] = [];
    const statements = await statementsDuring(async () => {
      for (const representations of [known(), unknown]) answers.push((await ask(representations, token)).text);
    });
    expect(answers[0]).toBe(answers[1]);
    expect([...(answers[0] ?? '').matchAll(/"code":"(\w+)"/g)].map(([, code]) => code)).toEqual(codes);
    expect(statements).toEqual([]);
  });

  test('an unauthenticated caller learns nothing from an invalid key', async () => {
    expect((await ask(unfit, null)).text).toBe((await ask(known(), null)).text);
  });

  test('who may only pull gets images and no registries, whether they exist or not', async () => {
    const [one, other] = [await ask(known(), 'PULL'), await ask(unknown, 'PULL')];
    expect(one.body.errors).toEqual(other.body.errors);
    expect(one.body.errors).toMatchObject(
      [1, 2].map((place) => ({ path: ['_entities', place], extensions: { code: 'FORBIDDEN' } })),
    );
    expect(dataAt(one, '_entities')).toMatchObject([{ registry: { registry: 'docker.io/anchore/*' } }, null, null]);
  });
});

describe('limits', () => {
  const many = (length: number) => Array.from({ length }, () => image('ubuntu'));
  const reasons = async (representations: readonly unknown[], selection: string) => {
    const answer = await ask(
      representations,
      'ADMIN',
      `query ($representations: [_Any!]!) { _entities(representations: $representations) { ${selection} } }`,
    );
    return answer.body.errors?.map(({ extensions }) => [answer.status, extensions['code'], extensions['reason']]) ?? [];
  };

  test('1000 representations pass, one more is refused before any use case', async () => {
    expect(await reasons(many(1000), '__typename')).toEqual([]);
    endpoint.calls.length = 0;
    expect(await reasons(many(1001), '__typename')).toEqual([[400, 'LIMIT_EXCEEDED', 'REPRESENTATIONS']]);
    expect(endpoint.calls).toEqual([]);
  });

  test('one list that is asked for under several names counts as often', async () => {
    const twice =
      'query ($representations: [_Any!]!) { a: _entities(representations: $representations) { __typename } ...F } fragment F on Query { b: _entities(representations: $representations) { __typename } }';
    expect((await ask(many(500), 'ADMIN', twice)).body.errors).toBeUndefined();
    endpoint.calls.length = 0;
    const answer = await ask(many(501), 'ADMIN', twice);
    expect(answer.body.errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', reason: 'REPRESENTATIONS' } }]);
    expect(endpoint.calls).toEqual([]);
  });

  /** Fields of an image, each under its own name: as many as there are, and the name of the type under further ones. */
  const fields = (count: number) =>
    ['reference', 'host', 'repository', 'tag', 'digest']
      .map((name) => `... on ContainerImage { ${name} }`)
      .concat(Array.from({ length: 15 }, (_, index) => `a${index}: __typename`))
      .slice(0, count)
      .join(' ');

  test('2 fields of 1000 representations and 20 of each of 1000 pass within 40,000, one more is refused before any use case', async () => {
    const nested = (count: number) =>
      `${fields(19)} ... on ContainerImage { registry { id registry host name type username account createdAt updatedAt secureConnection trustedRealm probeRepository repository pendingSince previousUsableUntil ${['__typename', 'lastUsedAt', 'lastValidation { valid }'].slice(0, count).join(' ')} } }`;
    // 1 + 1000 × (19 + 1 + 15 + 3) = 38,001; with the report and its field 40,001.
    expect(await reasons(many(1000), nested(2))).toEqual([]);
    endpoint.calls.length = 0;
    expect(await reasons(many(1000), `${nested(3)} ... on ContainerImage { registry { x: lastUsedAt } }`)).toEqual([
      [400, 'LIMIT_EXCEEDED', 'RESPONSE_FIELDS'],
    ]);
    expect(endpoint.calls).toEqual([]);
  });

  const candidates = 'fragment F on ContainerImage { candidates { reason } }';
  const uses = 'fragment F on ContainerImage { candidates { registry { uses(first: 100) { count } } } }';
  const written = (field: string) => `[${'{ a: 1 } '.repeat(50)}]${field}`;
  test.each<[string, string, object, number]>([
    [
      'in a variable',
      `query ($r: [_Any!]!) { _entities(representations: $r) { ...F } } ${candidates}`,
      { r: many(251) },
      251 * 40,
    ],
    ['in the document', `{ _entities(representations: ${written(') { ...F } }')} ${uses}`, {}, 50 * 40 * 100],
    [
      'as a default',
      `query ($r: [_Any!]! = ${written(') { _entities(representations: $r) { ...F } }')} ${uses}`,
      {},
      50 * 40 * 100,
    ],
  ])('a list inside counts its length, with representations that stand %s', async (_, document, variables, cost) => {
    const answer = await endpoint.send(document, variables);
    expect(answer.body.errors?.[0]).toMatchObject({
      extensions: { code: 'LIMIT_EXCEEDED', reason: 'ROWS', cost, limit: 10_000 },
    });
    expect(endpoint.calls).toEqual([]);
  });
});

describe('_service', () => {
  const committed = readFileSync(new URL('../../../../schema/subgraph.graphql', import.meta.url), 'utf8');

  test.each(['ADMIN', 'READ_WRITE', 'READ_ONLY', 'PULL'] as const)(
    '%s gets schema/subgraph.graphql, byte for byte, each time',
    async (token) => {
      const answers = [
        await endpoint.send('{ _service { sdl } }', {}, token),
        await endpoint.send('{ _service { sdl } }', {}, token),
      ];
      expect(answers.map((answer) => dataAt(answer, '_service', 'sdl'))).toEqual([committed, committed]);
    },
  );

  test.each([
    '{ _service { sdl } }',
    '{ s: _service { __typename } }',
    '{ ...F } fragment F on Query { _service { sdl } }',
  ])('a stranger does not: %s', async (document) => {
    const answer = await endpoint.send(document, {}, null);
    expect(answer.body.errors).toMatchObject([{ extensions: { code: 'INTROSPECTION_DISABLED' } }]);
    expect(answer.text).not.toContain('@key');
  });

  test('an unauthenticated caller does if the schema is public', async () => {
    const open = await openEndpoint({ introspection: true });
    expect(dataAt(await open.send('{ _service { sdl } }', {}, null), '_service', 'sdl')).toBe(committed);
    await open.close();
  });
});
