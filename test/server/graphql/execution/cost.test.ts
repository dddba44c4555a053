// Every document has a bound of rows and of fields that is counted before anything runs, however it hides its lists; what fits runs.

import {
  getIntrospectionQuery,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  isIntrospectionType,
  Kind,
  parse,
} from 'graphql';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import * as cliAccessOperations from '../../../../src/cli/api/access-operations.ts';
import * as cliOperations from '../../../../src/cli/api/operations.ts';
import * as consoleOperations from '../../../../src/console/api/operations.ts';
import { costOf } from '../../../../src/server/graphql/execution/cost.ts';
import {
  createTrustedDocuments,
  documentIdOf,
  parseManifest,
} from '../../../../src/server/graphql/execution/trusted-documents.ts';
import { isScan, listSizeOf } from '../../../../src/server/graphql/schema/builder.ts';
import { schema } from '../../../../src/server/graphql/schema/schema.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
});

beforeEach(() => {
  endpoint.calls.length = 0;
});

afterAll(() => endpoint.close());

/** The cost of the only operation of a document, or of the one with this name. */
function cost(text: string, variables: Record<string, unknown> | 'ANY' = {}): string {
  const document = parse(text);
  const [operation] = document.definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('The operation stands first.');
  const { rows, fields } = costOf(schema, document, operation, variables);
  return `${rows} rows, ${fields} fields`;
}

describe('the cost is', () => {
  test.each<[string, string, string]>([
    ['a field for a field', '{ principal { account role } }', '0 rows, 3 fields'],
    ['the page that is named', '{ registries(first: 7) { nodes { id } } }', '7 rows, 9 fields'],
    ['the page that is named from the end', '{ registries(last: 7) { nodes { id } } }', '7 rows, 9 fields'],
    ['50 for a page that is not named', '{ registries { nodes { id } } }', '50 rows, 52 fields'],
    ['50 for a page of null', '{ registries(first: null, last: null) { nodes { id } } }', '50 rows, 52 fields'],
    ['20 for the usage of a registry', '{ registry(id: "x") { uses { image } } }', '20 rows, 22 fields'],
    ['20 for usage of null', '{ registry(id: "x") { uses(first: null) { image } } }', '20 rows, 22 fields'],
    [
      '50 for the trail, 20 for that of a registry',
      '{ auditEvents { nodes { seq } } registry(id: "x") { auditEvents { seq } } }',
      '70 rows, 74 fields',
    ],
    ['read rows that nobody looks at', '{ registries(first: 100) { totalCount } }', '100 rows, 2 fields'],
    [
      'the product on a path',
      '{ registries(first: 100) { nodes { uses(first: 100) { image } } } }',
      '10000 rows, 10102 fields',
    ],
    [
      'by edges as by nodes',
      '{ registries(first: 100) { edges { node { uses(first: 100) { image } } } } }',
      '10000 rows, 10202 fields',
    ],
    [
      'summed over aliases',
      '{ a: registries(first: 10) { nodes { id } } b: registries(first: 20) { nodes { id } } }',
      '30 rows, 34 fields',
    ],
    [
      'summed over fragments',
      '{ ...A ...B } fragment A on Query { a: registries(first: 10) { nodes { id } } } fragment B on Query { b: registries(first: 20) { nodes { id } } }',
      '30 rows, 34 fields',
    ],
    [
      'one for fields that merge',
      '{ registries(first: 10) { nodes { id } } registries(first: 10) { nodes { id name } } ...A } fragment A on Query { registries(first: 10) { nodes { name } } }',
      '10 rows, 22 fields',
    ],
    [
      'that of each list of a row',
      '{ registries(first: 10) { nodes { uses(first: 5) { image } auditEvents(first: 5) { seq } } } }',
      '100 rows, 122 fields',
    ],
    ['40 candidates of an image', '{ image(reference: "a") { candidates { matched } } }', '40 rows, 42 fields'],
    [
      'nothing for what is skipped',
      '{ registries(first: 10) @skip(if: true) { nodes { id } } ... @include(if: false) { accounts { __typename } } principal { role } }',
      '0 rows, 2 fields',
    ],
    [
      'nothing for a size that is refused by itself',
      '{ registries(first: 101) { nodes { id } } registry(id: "x") { uses(first: -1) { image } } }',
      '0 rows, 4 fields',
    ],
    ['the entries of a list of texts', 'mutation { revokeToken(id: "x") { token { images } } }', '0 rows, 102 fields'],
    [
      'that of one event of a stream',
      'subscription { registryChanged { registry { uses(first: 30) { image } } } }',
      '30 rows, 33 fields',
    ],
    [
      'that of the costliest type of an object',
      '{ node(id: "x") { id ... on Registry { uses(first: 3) { image } } } }',
      '3 rows, 6 fields',
    ],
    [
      'one representation that is no list',
      '{ _entities(representations: { a: 1 }) { ... on Registry { id name } ... on ContainerImage { tag } } }',
      '1 rows, 3 fields',
    ],
  ])('%s', (_, document, expected) => {
    expect(cost(document)).toBe(expected);
  });

  const pages =
    'query ($n: Int = 30, $m: Int, $r: [_Any!]!) { registries(first: $n) { nodes { id } } registry(id: "x") { uses(first: $m) { image } } _entities(representations: $r) { __typename } }';
  test.each<[string, Record<string, unknown> | 'ANY', string]>([
    ['as sent', { n: 5, m: 6, r: [1, 2, 3] }, '14 rows, 19 fields'],
    ['by their defaults', { r: [] }, '50 rows, 55 fields'],
    ['null over a default', { n: null, r: [] }, '70 rows, 75 fields'],
    ['of another type as nothing, which is refused', { n: '5', m: 1.5, r: [] }, '0 rows, 5 fields'],
    ['from a prototype not at all', Object.create({ n: 5 }) as Record<string, unknown>, '51 rows, 56 fields'],
    ['at their most while they are not known', 'ANY', '1200 rows, 1205 fields'],
  ])('by variables %s', (_, variables, expected) => {
    expect(cost(pages, variables)).toBe(expected);
  });
});

const use = 'uses(first: 100) { image }';

describe('a request', () => {
  const answerTo = async (query: string, variables: object = {}) => {
    const { status, body } = await endpoint.send(query, variables);
    const extensions = body.errors?.map((error) => error.extensions) ?? [];
    return { status, extensions, message: body.errors?.[0]?.message };
  };

  it('with 10,000 rows runs', async () => {
    const { status, extensions } = await answerTo(`{ registries(first: 100) { nodes { ${use} } } }`);
    expect([status, extensions, endpoint.calls.map(({ name }) => name)]).toEqual([200, [], ['list']]);
  });

  it.each([
    ['by an alias', `{ registries(first: 100) { nodes { ${use} a: uses(first: 1) { image } } } }`, {}],
    [
      'by a variable',
      'query ($n: Int) { registries(first: 100) { nodes { uses(first: $n) { image } a: uses(first: 1) { image } } } }',
      { n: 100 },
    ],
    [
      'by a default',
      'query ($n: Int = 100) { registries(first: $n) { nodes { uses(first: $n) { image } a: uses(first: 1) { image } } } }',
      {},
    ],
    [
      'in a fragment',
      `{ registries(first: 100) { nodes { ...F } edges { node { a: uses(first: 1) { image } } } } } fragment F on Registry { ${use} }`,
      {},
    ],
  ])('with 10,100 rows %s is refused before any use case, with its cost and the limit', async (_, query, variables) => {
    expect(await answerTo(query, variables)).toEqual({
      status: 400,
      extensions: [{ code: 'LIMIT_EXCEEDED', reason: 'ROWS', cost: 10_100, limit: 10_000 }],
      message:
        'The request can read up to 10100 rows, which exceeds the limit of 10000. Request smaller pages, or fewer nested lists at once.',
    });
    expect(endpoint.calls).toEqual([]);
  });

  it('is refused however often it comes, and a smaller one of the same document runs', async () => {
    const query =
      'query ($n: Int!) { registries(first: $n) { nodes { uses(first: 100) { image } auditEvents(first: 100) { seq } } } }';
    for (let time = 0; time < 5; time++) {
      expect((await answerTo(query, { n: 51 })).extensions).toMatchObject([{ reason: 'ROWS', cost: 10_200 }]);
      expect(endpoint.calls).toEqual([]);
      expect((await answerTo(query, { n: 50 })).extensions).toEqual([]);
      endpoint.calls.length = 0;
    }
  });

  const counts = (count: number) =>
    `{ ${Array.from({ length: count }, (_, index) => `a${index}: registries(first: 0) { totalCount }`).join(' ')} }`;
  it('that counts more than ten whole lists is refused before any use case, with its cost and the limit', async () => {
    expect((await answerTo(counts(10))).extensions).toEqual([]);
    endpoint.calls.length = 0;
    expect(await answerTo(counts(11))).toEqual({
      status: 400,
      extensions: [{ code: 'LIMIT_EXCEEDED', reason: 'SCANS', cost: 11, limit: 10 }],
      message:
        'The request can count up to 11 lists, which exceeds the limit of 10. Request `totalCount` of fewer lists at once.',
    });
    expect(endpoint.calls).toEqual([]);
  });

  const columns =
    'id registry host repository name type username secureConnection trustedRealm probeRepository pendingSince previousUsableUntil account createdAt updatedAt __typename';
  it('with more than 40,000 fields is refused', async () => {
    const page = (index: number) =>
      `a${index}: registries(first: 100) { nodes { ${columns} lastValidation { steps { kind status message durationMs } } } }`;
    const query = (count: number) => `{ ${Array.from({ length: count }, (_, index) => page(index)).join(' ')} }`;
    expect((await answerTo(query(6))).extensions).toEqual([]);
    expect((await answerTo(query(7))).extensions).toMatchObject([
      { code: 'LIMIT_EXCEEDED', reason: 'RESPONSE_FIELDS', limit: 40_000 },
    ]);
  });

  it('with the largest bomb that the other limits allow is refused without being expanded', async () => {
    const query = `{ ${Array.from({ length: 15 }, (_, index) => `a${index}: registries(first: 100) { nodes { ${columns} uses(first: 100) { actor image version outcome count lastAt } } }`).join(' ')} }`;
    expect((await answerTo(query)).extensions).toMatchObject([
      { reason: 'ROWS', cost: 150_000 },
      { reason: 'RESPONSE_FIELDS' },
    ]);
    expect(endpoint.calls).toEqual([]);
  });

  it('with a size that is refused by itself gets that error', async () => {
    const { extensions } = await answerTo(`{ registries(first: 101) { nodes { ${use} a: ${use} } } }`);
    expect(extensions).toEqual([{ code: 'INVALID_INPUT', field: ['first'] }]);
  });

  it('of a caller without a token is refused alike', async () => {
    const { body } = await endpoint.send(`{ registries(first: 100) { nodes { ${use} a: ${use} } } }`, {}, null);
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'LIMIT_EXCEEDED', reason: 'ROWS' });
  });
});

describe('introspection', () => {
  it('of a whole schema runs', async () => {
    const { body } = await endpoint.send(
      getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true }),
      {},
      'PULL',
    );
    expect(body.errors).toBeUndefined();
  });

  it('that repeats the schema is refused', async () => {
    const levels =
      'name kind description enumValues { name description isDeprecated } inputFields { name description defaultValue } fields { name description isDeprecated args { name description defaultValue } type { name kind ofType { name kind ofType { name } } } }';
    const query = (count: number) =>
      `{ __schema { ${Array.from({ length: count }, (_, index) => `a${index}: types { ${levels} }`).join(' ')} } }`;
    expect((await endpoint.send(query(1))).body.errors).toBeUndefined();
    const { body } = await endpoint.send(query(14));
    expect(body.errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', reason: 'RESPONSE_FIELDS' } }]);
  });

  it('counts the fields of the response three times and no others', () => {
    const type = schema.getType('PageInfo');
    if (!isObjectType(type)) throw new Error('PageInfo is an object.');
    expect(cost('{ __type(name: "PageInfo") { name fields { name } } }')).toBe('0 rows, 19 fields');
    expect(cost('query ($n: String!) { __type(name: $n) { name } }', { n: 'PageInfo' })).toBe('0 rows, 4 fields');
    expect(cost('{ __type(name: "Nothing") { name } }')).toBe('0 rows, 1 fields');
  });

  it('reveals nothing of a type to callers who may not introspect', async () => {
    const query = (name: string) =>
      `{ __type(name: "${name}") { ${Array.from({ length: 15 }, (_, index) => `a${index}: fields { type { fields { type { name kind description } } } }`).join(' ')} } }`;
    const [known, unknown] = [
      await endpoint.send(query('Query'), {}, null),
      await endpoint.send(query('Nothing'), {}, null),
    ];
    expect([known.status, known.text]).toEqual([unknown.status, unknown.text]);
  });
});

describe('the schema', () => {
  const fields = Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type) && !isIntrospectionType(type))
    .flatMap((type) => (isObjectType(type) ? Object.values(type.getFields()).map((field) => ({ type, field })) : []));
  const hasPages = (field: (typeof fields)[number]['field']) => {
    const named = getNamedType(field.type);
    return isObjectType(named) && named.name.endsWith('Connection');
  };

  it('declares the size of every list and of every page, and of nothing else', () => {
    const wrong = fields.filter(
      ({ field }) => (isListType(getNullableType(field.type)) || hasPages(field)) !== (listSizeOf(field) !== undefined),
    );
    expect(wrong.map(({ type, field }) => `${type.name}.${field.name}`)).toEqual([]);
  });

  it('declares every count of a list as a scan', () => {
    const counts = fields.filter(({ field }) => field.name.endsWith('Count'));
    expect(counts.length).toBeGreaterThan(0);
    expect(counts.filter(({ field }) => !isScan(field))).toEqual([]);
  });

  it('has entries of a page only below a page', () => {
    const pages = fields
      .filter(({ field }) => listSizeOf(field) === 'PAGE')
      .map(({ type, field }) => `${type.name}.${field.name}`);
    expect(pages.every((name) => /Connection\.(edges|nodes)$/.test(name))).toBe(true);
    expect(pages.length).toBe(
      2 * new Set(fields.filter(({ field }) => hasPages(field)).map(({ field }) => getNamedType(field.type).name)).size,
    );
  });

  it('names sizes by arguments that are there', () => {
    const wrong = fields.filter(({ field }) => {
      const size = listSizeOf(field);
      if (size === undefined || size === 'PAGE' || size.arguments.length === 0) return false;
      return !field.args.some(({ name }) => size.arguments.includes(name));
    });
    expect(wrong).toEqual([]);
  });
});

describe('our own documents', () => {
  const own = [
    ...Object.values(consoleOperations).map(String),
    ...Object.values({ ...cliOperations, ...cliAccessOperations }).flatMap((exported) =>
      'document' in exported ? [exported.document] : [],
    ),
  ].filter((text) => /^(query|mutation|subscription)/.test(text));

  it.each(own.map((text) => [/^\w+ \w+/.exec(text)?.[0], text] as const))('%s fits with any variables', (_, text) => {
    const document = parse(text);
    for (const operation of document.definitions) {
      if (operation.kind !== Kind.OPERATION_DEFINITION) continue;
      const { rows, fields } = costOf(schema, document, operation, 'ANY');
      expect(rows).toBeLessThanOrEqual(10_000);
      expect(fields).toBeLessThanOrEqual(40_000);
    }
  });

  const documented = [
    ...readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8').matchAll(/```graphql\n([\s\S]*?)```/g),
  ]
    .map(([, text]) => text ?? '')
    .filter((text) => /^\s*(query|mutation|subscription|\{)/.test(text));
  it.each(documented)('in the README, %j, fits with any variables', (text) => {
    for (const definition of parse(text).definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      const { rows, fields } = costOf(schema, parse(text), definition, 'ANY');
      expect([rows <= 10_000, fields <= 40_000]).toEqual([true, true]);
    }
  });

  it('are all seen', () => {
    expect(documented.length).toBeGreaterThan(2);
    expect(own.length).toBeGreaterThan(25);
  });
});

describe('a trusted document', () => {
  const costly = `{ registries(first: 100) { nodes { ${use} a: ${use} } } }`;
  const byVariable =
    'query ($n: Int!) { registries(first: $n) { nodes { uses(first: 100) { image } a: uses(first: 100) { image } } } }';

  it('is held to the limit by its ID too', async () => {
    const documents = createTrustedDocuments(new Map([['costly', byVariable]]), true);
    const trusting = await openEndpoint({ documents });
    for (const documentId of ['costly', documentIdOf(byVariable)]) {
      const { body } = await trusting.request('/graphql', {
        method: 'POST',
        headers: jsonHeaders('ADMIN'),
        body: JSON.stringify({ documentId, variables: { n: 100 } }),
      });
      expect(body.errors?.map(({ extensions }) => extensions['reason'])).toEqual(['ROWS']);
    }
    expect(trusting.calls).toEqual([]);
    await trusting.close();
  });

  it('that can never run is refused at the start', () => {
    expect(() => parseManifest(JSON.stringify({ costly }), schema)).toThrow(
      /cannot run: The request can read up to 20000 rows/,
    );
    expect(parseManifest(JSON.stringify({ byVariable }), schema).size).toBe(1);
  });
});

test.each([true, false])('the limit holds on every run, compiled execution %s', async (compiledExecution) => {
  const own = await openEndpoint({ compiledExecution });
  const query =
    'query ($n: Int!) { registries(first: $n) { nodes { uses(first: 100) { image } auditEvents(first: 1) { seq } } } }';
  for (let time = 0; time < 5; time++) {
    expect((await own.send(query, { n: 9 })).body.errors).toBeUndefined();
    expect((await own.send(query, { n: 100 })).body.errors).toMatchObject([{ extensions: { reason: 'ROWS' } }]);
  }
  expect(own.calls.filter(({ name }) => name === 'list')).toHaveLength(5);
  await own.close();
});
