// The two paths through the endpoint, the fast path and Yoga's: the same status, headers, bytes, log, and metrics for any request.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../../../src/core/authz/principal.ts';
import { answerMediaType } from '../../../../src/server/graphql/response.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
  endpoint.overrides.list = () => Promise.reject(new Error('an internal secret'));
  for (const [registry, name] of [
    ['docker.io', 'Docker Hub'],
    ['ghcr.io/anchore/*', 'Anchore'],
    ['latin.example', 'Königsberg, ½ ÿ'],
    ['beyond.example', 'Łódź 日本 🐳'],
  ]) {
    await endpoint.send(
      'mutation ($r: String!, $n: String!) { createRegistry(input: { registry: $r, name: $n, username: "u", password: "p" }, validate: false) { errors { code } } }',
      { r: registry, n: name },
    );
  }
});

afterAll(() => endpoint.close());

interface Asked {
  readonly query: string;
  readonly variables?: object;
  readonly operationName?: string;
  readonly token?: Role | null;
  readonly accept?: string;
}

const reportFields = 'lastValidation { outcome valid steps { kind } checkedAt }';

const cases: readonly (readonly [string, Asked])[] = [
  [
    'a registry',
    {
      query: `query ($r: String) { registry(registry: $r) { __typename id registry createdAt lastUsedAt ${reportFields} } }`,
      variables: { r: 'docker.io' },
    },
  ],
  [
    'a node by an interface',
    {
      query:
        'query ($r: String!) { image(reference: $r) { reference registry { ... on Node { id } ...F } candidates { matched reason } } } fragment F on Registry { registry }',
      variables: { r: 'ubuntu' },
    },
  ],
  [
    'a name beyond ASCII',
    { query: 'query ($r: String) { registry(registry: $r) { name } }', variables: { r: 'latin.example' } },
  ],
  [
    'a name beyond Latin-1',
    { query: 'query ($r: String) { registry(registry: $r) { name } }', variables: { r: 'beyond.example' } },
  ],
  ['a text in the document', { query: '{ registry(registry: "ghcr.io/anchore/*") { registry } }' }],
  [
    'a registry that does not exist',
    { query: 'query ($r: String) { registry(registry: $r) { id } }', variables: { r: 'quay.io' } },
  ],
  ['a field that requires authentication', { query: '{ __typename principal { subject } }', token: null }],
  ['a refused token', { query: '{ __typename }', token: 'NOBODY' as Role }],
  [
    'a role that may not',
    { query: 'query ($r: String) { registry(registry: $r) { id } }', variables: { r: 'docker.io' }, token: 'PULL' },
  ],
  [
    'a field of a role that may not',
    {
      query: 'query ($r: String!) { image(reference: $r) { registry { registry lastUsedAt } } }',
      variables: { r: 'ubuntu' },
      token: 'PULL',
    },
  ],
  [
    'a problem with a reason',
    { query: 'query ($r: String!) { image(reference: $r) { reference } }', variables: { r: 'not a reference' } },
  ],
  ['an internal error', { query: '{ registries { nodes { id } } }' }],
  [
    'a mutation that fails',
    {
      query: 'mutation ($id: ID!) { deleteRegistry(id: $id) { deletedId errors { code message } } }',
      variables: { id: 'reg_1' },
    },
  ],
  [
    'variables that do not fit',
    { query: 'query ($r: String!) { image(reference: $r) { reference } }', variables: { r: 5 } },
  ],
  ['a missing variable', { query: 'query ($r: String!) { image(reference: $r) { reference } }' }],
  [
    'the same for the newer media type',
    {
      query: 'query ($r: String!) { image(reference: $r) { reference } }',
      accept: 'application/graphql-response+json',
    },
  ],
  ['a document that does not fit the schema', { query: '{ nothing }' }],
  [
    'the same for the newer media type, with a choice',
    { query: '{ nothing }', accept: 'application/graphql-response+json, application/json;q=0.9' },
  ],
  ['an invalid document', { query: '{ nothing' }],
  ['too deep a document', { query: `{ ${'a { '.repeat(9)} b ${'} '.repeat(9)} }` }],
  ['one of two operations', { query: 'query A { __typename } query B { b: __typename }', operationName: 'B' }],
  ['none of two operations', { query: 'query A { __typename } query B { b: __typename }' }],
  ['an operation that does not exist', { query: 'query A { __typename }', operationName: 'B' }],
  ['introspection with a login', { query: '{ __schema { queryType { name } } __type(name: "Registry") { name } }' }],
  [
    'entities',
    {
      query:
        'query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on ContainerImage { reference registry { registry } } ... on Registry { host } } }',
      variables: {
        r: [
          { __typename: 'ContainerImage', reference: 'ubuntu' },
          { __typename: 'Registry', registry: 'docker.io' },
          { __typename: 'Registry', registry: 'quay.io' },
        ],
      },
    },
  ],
  [
    'entities, one of them unfit',
    {
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }',
      variables: { r: [{ __typename: 'Other' }, { __typename: 'Registry', registry: 'docker.io' }] },
    },
  ],
  [
    'more entities than there may be',
    {
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }',
      variables: { r: Array.from({ length: 1001 }, () => 5) },
    },
  ],
  ['the schema for a gateway', { query: '{ _service { sdl } }' }],
  ['the schema for a gateway without a login', { query: '{ _service { sdl } }', token: null }],
  ['introspection without one', { query: '{ __schema { queryType { name } } }', token: null }],
  [
    'a type without a login',
    { query: 'query ($n: String!) { __type(name: $n) { name } }', variables: { n: 'Registry' }, token: null },
  ],
  ['an answer of the newer media type', { query: '{ __typename }', accept: 'application/graphql-response+json' }],
  ['any type', { query: '{ __typename }', accept: '*/*' }],
  ['what there is not', { query: '{ __typename }', accept: 'text/csv' }],
  ['an answer or a stream', { query: '{ __typename }', accept: 'application/json, text/event-stream' }],
];

/** Each way has its own frames. */
function withoutStack(line: string): object {
  const { stack: _stack, ...others } = JSON.parse(line) as Record<string, unknown>;
  return others;
}

/** Removes the headers that differ by design: the date, and the framing of the body. */
const framing = new Set(['date', 'content-length', 'transfer-encoding', 'connection', 'keep-alive']);

describe('both ways answer alike', () => {
  test.each(cases)(
    '%s',
    async (_what, { query, variables, operationName, token = 'ADMIN', accept = 'application/json' }) => {
      const ask = async (path: string) => {
        const [logged, observed] = [endpoint.log.length, endpoint.observed.length];
        const answer = await endpoint.request(path, {
          method: 'POST',
          headers: { ...jsonHeaders(token), accept },
          body: JSON.stringify({ query, variables, operationName }),
        });
        const headers = [...answer.headers].filter(([name]) => !framing.has(name));
        return {
          status: answer.status,
          headers,
          text: answer.text,
          log: endpoint.log.slice(logged).map(withoutStack),
          observed: endpoint.observed.slice(observed),
        };
      };
      // The short way serves the endpoint's address as it is written, and nothing that has a query.
      const long = await ask('/graphql?');
      for (let sighting = 1; sighting <= 5; sighting += 1) expect(await ask('/graphql')).toEqual(long);
    },
  );
});

test.each([
  ['latin.example', 'Königsberg, ½ ÿ'],
  ['beyond.example', 'Łódź 日本 🐳'],
])('the fast path writes the name of %s in UTF-8 and sends its length in bytes', async (registry, name) => {
  const body = JSON.stringify({
    query: 'query ($r: String) { registry(registry: $r) { name } }',
    variables: { r: registry },
  });
  const { headers, text } = await endpoint.request('/graphql', { method: 'POST', headers: jsonHeaders('ADMIN'), body });
  expect([text, headers.get('content-length')]).toEqual([
    `{"data":{"registry":{"name":"${name}"}}}`,
    String(Buffer.byteLength(text)),
  ]);
});

test('the fast path sends the length of its response, so that both paths are used here', async () => {
  const ask = (path: string) =>
    endpoint.request(path, { method: 'POST', headers: jsonHeaders('ADMIN'), body: '{"query":"{ __typename }"}' });
  expect([(await ask('/graphql')).headers.get('content-length'), (await ask('/graphql')).text.length]).toEqual([
    '31',
    31,
  ]);
  endpoint.calls.length = 0;
});

test.each([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['application/json, text/plain, */*', 'application/json'],
  ['Application/JSON; charset=UTF-8', 'application/json'],
  ['application/graphql-response+json', 'application/graphql-response+json'],
  [
    'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
    'application/graphql-response+json',
  ],
  ['application/json;q=0.9, application/graphql-response+json', 'application/json'],
  ['application/json; charset=latin1', undefined],
  ['text/event-stream', undefined],
  ['multipart/mixed', undefined],
  ['constructor', undefined],
  ['', undefined],
])('to "%s" the answer is of the type %s', (accept, type) => {
  expect(answerMediaType(accept)).toBe(type);
});
