// Each limit lets its last value pass and refuses the next one before any use case runs, also when fragments hide it.

import { getIntrospectionQuery, parse } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { weighDocument } from '../../../../src/server/graphql/execution/limits.ts';
import { dataAt, jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
});

beforeEach(() => {
  endpoint.calls.length = 0;
});

afterAll(() => endpoint.close());

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
const remove = (index: number) => `d${index}: deleteRegistry(id: "reg_0") { deletedId }`;

describe.each([
  ['TOKENS', 1000, (count: number) => `{ registry(id: [${repeat(count - 12, () => '1')}]) { id } }`],
  [
    'DEPTH',
    8,
    (count: number) => `{ registry(id: "reg_0") { id } ${'a { '.repeat(count - 1)} a ${'}'.repeat(count - 1)} }`,
  ],
  [
    'DEPTH',
    8,
    (count: number) =>
      `{ registry(id: "reg_0") { ...F } ${'a { '.repeat(count - 2)} ...G ${'}'.repeat(count - 2)} } fragment F on Registry { id } fragment G on A { ... { a { a } } }`,
  ],
  [
    'ALIASES',
    15,
    (count: number) => `{ registry(id: "reg_0") { id } ${repeat(count, (index) => `a${index}: __typename`)} }`,
  ],
  [
    'ALIASES',
    15,
    (count: number) =>
      `{ one: registry(id: "reg_0") { ...F } ${repeat(count - 1, () => '...G')} } fragment F on Registry { id } fragment G on Query { a: __typename }`,
  ],
  [
    'DIRECTIVES',
    10,
    (count: number) =>
      `{ registry(id: "reg_0") { id } ${repeat(count, () => '... @include(if: true) { __typename }')} }`,
  ],
  [
    'DIRECTIVES',
    10,
    (count: number) =>
      `query @a { registry(id: "reg_0") { id } ${repeat(count - 1, () => '...F')} } fragment F on Query { __typename @skip(if: false) }`,
  ],
  ['FIELDS', 400, (count: number) => `{ registry(id: "reg_0") { ${repeat(count - 1, () => 'id')} } }`],
  ['ROOT_MUTATION_FIELDS', 3, (count: number) => `mutation { ${repeat(count, remove)} }`],
  [
    'ROOT_MUTATION_FIELDS',
    3,
    (count: number) => `mutation { ${repeat(count, () => '... { ...F }')} } fragment F on Mutation { ${remove(0)} }`,
  ],
] as const)('%s: %i', (reason, limit, documentOf) => {
  const refusal = async (count: number) => {
    const { body } = await endpoint.send(documentOf(count));
    return (
      body.errors
        ?.filter(({ extensions }) => extensions['code'] === 'LIMIT_EXCEEDED')
        .map(({ extensions }) => extensions['reason']) ?? []
    );
  };

  test(`${limit} pass`, async () => {
    expect(await refusal(limit)).toEqual([]);
  });

  test(`${limit + 1} are refused before any use case, with 400`, async () => {
    expect((await endpoint.send(documentOf(limit + 1))).status).toBe(400);
    expect(await refusal(limit + 1)).toEqual([reason]);
    expect(endpoint.calls).toEqual([]);
  });
});

test('the documents of this file reach the use cases when they are within the limits', async () => {
  await endpoint.send(`{ registry(id: "reg_0") { id } ${repeat(15, (index) => `a${index}: __typename`)} }`);
  await endpoint.send(`mutation { ${repeat(3, remove)} }`);
  expect(endpoint.calls.map(({ name }) => name)).toEqual(['get', 'delete', 'delete', 'delete']);
});

test('a bomb of nested fragments is weighed at once and refused', async () => {
  const levels = 60;
  const bomb = repeat(levels, (index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`);
  const document = `{ ...F0 } ${bomb} fragment F${levels} on Query { a: __typename }`;
  expect(weighDocument(parse(document)).aliases).toBe(2 ** levels);
  const { body } = await endpoint.send(document);
  expect(body.errors?.map(({ extensions }) => extensions['reason']).toSorted()).toEqual(['ALIASES', 'FIELDS']);
});

test('fragments in a circle neither hang nor run', async () => {
  const { body } = await endpoint.send(
    '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A registry(id: "reg_0") { id } }',
  );
  expect(body.errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
  expect(endpoint.calls).toEqual([]);
});

test('every operation of a document is weighed, not only the first', async () => {
  const query = `query A { __typename } mutation B { ${repeat(4, remove)} }`;
  const { body } = await endpoint.request('/graphql', {
    method: 'POST',
    headers: jsonHeaders('ADMIN'),
    body: JSON.stringify({ query, operationName: 'A' }),
  });
  expect(body.errors?.[0]?.extensions['reason']).toBe('ROOT_MUTATION_FIELDS');
});

test('the introspection queries of GraphiQL pass for a caller with any token', async () => {
  const full = {
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  };
  for (const options of [{}, full]) {
    const answer = await endpoint.send(getIntrospectionQuery(options), {}, 'PULL');
    expect(answer.body.errors).toBeUndefined();
    expect((dataAt(answer, '__schema', 'types') as unknown[]).length).toBeGreaterThan(20);
  }
});

test('introspection that goes in circles is refused by graphql-js', async () => {
  const { body } = await endpoint.send(
    `{ __schema { types { ${'fields { type { '.repeat(5)} name ${'} }'.repeat(5)} } } }`,
  );
  expect(body.errors?.[0]?.message).toMatch(/introspection depth/);
});

test('a page of 101 is refused', async () => {
  const { body } = await endpoint.send('{ registries(first: 101) { totalCount } }');
  expect(body.errors?.[0]?.extensions).toEqual({ code: 'INVALID_INPUT', field: ['first'] });
});
