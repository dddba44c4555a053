// Trusted documents: by id over GET and POST, as the only ones where that is set, from lists that can run.

import { describe, expect, it, onTestFinished, test } from 'vitest';
import { getIntrospectionQuery } from 'graphql';
import { schema } from '../../../../src/server/graphql/schema/schema.ts';
import {
  createTrustedDocuments,
  documentIdOf,
  ManifestError,
  parseManifest,
} from '../../../../src/server/graphql/execution/trusted-documents.ts';
import { jsonHeaders, openEndpoint, type Answer, type TestEndpoint } from '../harness.ts';

const who = 'query Who { principal { role } }';
const named = 'query One($id: ID!) { registry(id: $id) { id } }';
const create =
  'mutation ($password: Secret!) { createRegistry(input: { registry: "a.example", username: "u", password: $password }) { errors { code } } }';
const documents = new Map([
  ['who', who],
  ['one', named],
  ['create', create],
]);

let endpoint: TestEndpoint;

async function open(only: boolean, settings: Parameters<typeof openEndpoint>[0] = {}): Promise<void> {
  endpoint = await openEndpoint({ documents: createTrustedDocuments(documents, only), ...settings });
  onTestFinished(() => endpoint.close());
}

const post = (body: object): Promise<Answer> =>
  endpoint.request('/graphql', { method: 'POST', headers: jsonHeaders('READ_WRITE'), body: JSON.stringify(body) });
const get = (parameters: Record<string, string>): Promise<Answer> =>
  endpoint.request(`/graphql?${new URLSearchParams(parameters)}`, { headers: jsonHeaders('READ_WRITE') });
const codeOf = ({ status, body }: Answer): unknown[] => [status, body.errors?.[0]?.extensions['code']];

describe.each([
  ['next to other documents', false],
  ['as the only ones', true],
] as const)('trusted documents %s', (_how, only) => {
  it('run by their id, and by the hash of their text, over POST and GET', async () => {
    await open(only);
    const answers = await Promise.all([
      post({ documentId: 'who' }),
      post({ documentId: documentIdOf(who) }),
      post({ extensions: { persistedQuery: { version: 1, sha256Hash: 'who' } } }),
      post({ extensions: { persistedQuery: { version: 1, sha256Hash: documentIdOf(who).replace('sha256:', '') } } }),
      get({ documentId: 'who' }),
      get({ documentId: documentIdOf(who) }),
      get({ extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash: 'who' } }) }),
      post({ query: who }),
    ]);
    for (const { status, body } of answers)
      expect([status, body]).toEqual([200, { data: { principal: { role: 'READ_WRITE' } } }]);
  });

  it('accept variables', async () => {
    await open(only);
    const id = 'reg_00000000000000000000000000000000';
    expect([
      (await post({ documentId: 'one', variables: { id } })).body,
      (await get({ documentId: 'one', variables: JSON.stringify({ id }) })).body,
    ]).toEqual([{ data: { registry: null } }, { data: { registry: null } }]);
  });

  it.each([
    ['an unknown id', { documentId: 'nobody' }, [400, 'PERSISTED_OPERATION_NOT_FOUND']],
    ['an unknown hash', { documentId: documentIdOf('{ other }') }, [400, 'PERSISTED_OPERATION_NOT_FOUND']],
    ['an empty id', { documentId: '' }, [400, 'PERSISTED_OPERATION_NOT_FOUND']],
    ['the name of an inherited property', { documentId: 'constructor' }, [400, 'PERSISTED_OPERATION_NOT_FOUND']],
    ['an id and a text', { documentId: 'who', query: who }, [400, 'BAD_REQUEST']],
    ['neither', {}, [400, 'BAD_REQUEST']],
  ])('answer %s alike over POST and GET', async (_what, parameters, expected) => {
    await open(only);
    expect([codeOf(await post(parameters)), codeOf(await get(parameters))]).toEqual([expected, expected]);
  });

  it('cannot change data by GET', async () => {
    await open(only);
    expect(codeOf(await get({ documentId: 'create', variables: '{"password":"hunter2"}' }))).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
    ]);
    expect(endpoint.domain.asked).toEqual([]);
  });

  it('accept no ID that is not a string', async () => {
    await open(only);
    expect(codeOf(await post({ documentId: ['who'] }))).toEqual([400, 'BAD_REQUEST']);
  });
});

test('where only trusted documents run, no other document does, not even with one more space, and the schema is not visible', async () => {
  await open(true);
  for (const query of [
    `${who} `,
    '{ principal { role } }',
    '{ __typename }',
    getIntrospectionQuery(),
    '{ _service { sdl } }',
  ]) {
    expect([codeOf(await post({ query })), codeOf(await get({ query }))]).toEqual([
      [400, 'PERSISTED_OPERATION_REQUIRED'],
      [400, 'PERSISTED_OPERATION_REQUIRED'],
    ]);
  }
  expect(endpoint.calls).toEqual([]);
  const page = await endpoint.request('/graphql', { headers: { accept: 'text/html' } });
  expect([page.status, page.text]).toEqual([404, expect.not.stringContaining('<')]);
});

test('a trusted document that queries the schema is rejected where only trusted ones run', async () => {
  await open(true, {
    documents: createTrustedDocuments(new Map([['schema', '{ __schema { queryType { name } } }']]), true),
    introspection: true,
  });
  expect(codeOf(await post({ documentId: 'schema' }))).toEqual([400, 'INTROSPECTION_DISABLED']);
});

describe('a list of documents', () => {
  it('may be a map of ids, or a manifest of Apollo', () => {
    const expected = new Map([['a', who]]);
    expect(parseManifest(JSON.stringify({ a: who }), schema)).toEqual(expected);
    expect(
      parseManifest(
        JSON.stringify({
          format: 'apollo-persisted-query-manifest',
          version: 1,
          operations: [{ id: 'a', name: 'Who', type: 'query', body: who }],
        }),
        schema,
      ),
    ).toEqual(expected);
    expect(parseManifest(JSON.stringify({ [documentIdOf(who)]: who }), schema).size).toBe(1);
  });

  it.each([
    ['no JSON', '{', /not valid JSON/],
    ['a list', '[]', /no JSON object/],
    ['nothing in it', '{}', /no document/],
    ['an empty id', JSON.stringify({ '': who }), /empty/],
    ['a value that is no string', '{"a": 1}', /no text for the id a/],
    [
      'an id twice',
      JSON.stringify({
        format: 'apollo-persisted-query-manifest',
        operations: [
          { id: 'a', body: who },
          { id: 'a', body: who },
        ],
      }),
      /twice/,
    ],
    [
      'an operation without an id',
      JSON.stringify({ format: 'apollo-persisted-query-manifest', operations: [{ body: who }] }),
      /without an id/,
    ],
    ['an unknown format', JSON.stringify({ format: 'other', operations: [] }), /format/],
    ['a hash of another text', JSON.stringify({ [documentIdOf('{ other }')]: who }), /another/],
    ['a syntax error', JSON.stringify({ a: '{' }), /under a that cannot run: Syntax/],
    [
      'a field that is not in the schema',
      JSON.stringify({ a: '{ password }' }),
      /under a that cannot run: Cannot query field/,
    ],
    [
      'a document beyond a limit',
      JSON.stringify({ a: `{ ${Array.from({ length: 20 }, (_, index) => `a${index}: __typename`).join(' ')} }` }),
      /aliases/,
    ],
  ])('is refused with %s', (_what, text, message) => {
    expect(() => parseManifest(text, schema)).toThrow(ManifestError);
    expect(() => parseManifest(text, schema)).toThrow(message);
  });
});
