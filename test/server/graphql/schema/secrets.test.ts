// A password in a malformed request is neither in the response nor in the log, for any mistake in the request.

import { randomBytes } from 'node:crypto';
import { getNamedType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '../../../../src/core/shared/problem.ts';
import { createDocuments } from '../../../../src/server/graphql/execution/document-cache.ts';
import { secretScalar } from '../../../../src/server/graphql/schema/scalars.ts';
import { schema } from '../../../../src/server/graphql/schema/schema.ts';
import { type Answer, dataAt, jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
});

beforeEach(() => {
  endpoint.log.length = 0;
  endpoint.observed.length = 0;
});

afterAll(() => endpoint.close());

const create =
  'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, validate: false) { errors { code message field } } }';
const post = (body: string) => endpoint.request('/graphql', { method: 'POST', headers: jsonHeaders('ADMIN'), body });
const variables = (input: unknown, document = create) =>
  post(JSON.stringify({ query: document, variables: { input } }));
const literal = (password: string, more = '') =>
  endpoint.send(
    `mutation { createRegistry(input: { registry: "a.example", username: "u", password: ${password}${more} }, validate: false) { errors { code } } }`,
  );
const query = (parameters: Record<string, string>) =>
  endpoint.request(`/graphql?${new URLSearchParams(parameters).toString()}`, { headers: jsonHeaders('ADMIN') });

/** Ways to send a request that is wrong, each with the marker somewhere in it. */
const malformed: Record<string, (marker: string) => Promise<Answer>> = {
  'variables: a string for the input': (m) => variables(m),
  'variables: a list for the input': (m) => variables([m, { password: m }]),
  'variables: null next to it': (m) => variables({ registry: null, username: 'u', password: m }),
  'variables: an unknown field': (m) => variables({ registry: 'a.example', username: 'u', password: m, bogus: 1 }),
  'variables: an unknown field by the name of the marker': (m) =>
    variables({ registry: 'a.example', username: 'u', password: 'p', [m]: 1 }),
  'variables: a missing field': (m) => variables({ password: m }),
  'variables: the password in a list': (m) => variables({ registry: 'a.example', username: 'u', password: [m] }),
  'variables: the password in two lists': (m) => variables({ registry: 'a.example', username: 'u', password: [[m]] }),
  'variables: the password in an object': (m) =>
    variables({ registry: 'a.example', username: 'u', password: { value: m } }),
  'variables: a number for the password': (m) => variables({ registry: 'a.example', username: m, password: 1 }),
  'variables: the marker as a type': (m) => variables({ registry: 'a.example', username: 'u', password: m, type: m }),
  'variables: a boolean for the name': (m) =>
    variables({ registry: 'a.example', username: 'u', password: m, name: true }),
  'variables: a huge password': (m) =>
    variables({ registry: 'a.example', username: 'u', password: m.repeat(3000), bogus: m }),
  'variables: a lone surrogate': (m) => variables({ registry: 'a.example', username: 'u', password: `${m}\ud800` }),
  'variables: NUL in the password': (m) => variables({ registry: 'a.example', username: 'u', password: `${m}\0` }),
  'variables: quotes and a made-up path': (m) =>
    variables({ registry: 'a.example', username: [`x" at "input.${m}"; ${m}`], password: m }),
  'variables: a value that looks like a message': (m) =>
    variables({ registry: 'a.example', username: 'u', password: m, type: `${m}" does not exist in "${m}" enum.` }),
  'variables: a variable by the name of the marker': (m) =>
    post(
      JSON.stringify({
        query: `query ($${m}: Int!) { registries(first: $${m}) { totalCount } }`,
        variables: { [m]: m },
      }),
    ),
  'variables: not used': (m) => post(JSON.stringify({ query: `query ($${m}: Secret = "${m}") { __typename }` })),
  'variables: an id that is an object': (m) =>
    post(JSON.stringify({ query: 'query ($id: ID) { registry(id: $id) { id } }', variables: { id: { m } } })),
  'variables: a page size that is text': (m) =>
    post(JSON.stringify({ query: 'query ($n: Int) { registries(first: $n) { totalCount } }', variables: { n: m } })),
  'variables: null in the end, after a literal': (m) =>
    post(
      JSON.stringify({
        query: `mutation ($r: String = "a.example") { createRegistry(input: { registry: $r, username: "u", password: "${m}" }) { errors { code } } }`,
        variables: { r: null },
      }),
    ),
  'variables: a string': (m) => post(JSON.stringify({ query: create, variables: m })),
  'variables: a list': (m) => post(JSON.stringify({ query: create, variables: [m] })),
  'literal: a string where a list of fields belongs': (m) =>
    endpoint.send(`mutation { createRegistry(input: "${m}") { errors { code } } }`),
  'literal: a list': (m) => literal(`["${m}"]`),
  'literal: an object': (m) => literal(`{ value: "${m}" }`),
  'literal: an enum': (m) => literal(m),
  'literal: a number for the user': (m) => literal(`"${m}"`, ', name: 5'),
  'literal: an unknown field': (m) => literal(`"${m}"`, ', bogus: 1'),
  'literal: an unknown field by the name of the marker': (m) => literal('"p"', `, ${m}: 1`),
  'literal: a twin field': (m) => literal(`"${m}"`, `, password: "${m}"`),
  'literal: a block string for the type': (m) => literal('"p"', `, type: """${m}"""`),
  'literal: a wrong enum': (m) => literal('"p"', `, type: ${m}`),
  'literal: an undefined variable': (m) => literal(`$${m}`),
  'literal: null for a required field': (m) => literal(`"${m}"`, ', username: null'),
  'literal: a text for a number': (m) => endpoint.send(`{ registries(first: "${m}") { totalCount } }`),
  'syntax: a string that does not end': (m) => literal(`"${m}`),
  'syntax: a block string that does not end': (m) => literal(`"""${m}`),
  'syntax: a string in the wrong place': (m) =>
    endpoint.send(`mutation { createRegistry(input: { password "${m}" }) { errors { code } } }`),
  'syntax: a name in the wrong place': (m) => endpoint.send(`{ registry(id: ) ${m} }`),
  'syntax: only the marker': (m) => endpoint.send(m),
  'syntax: only a quoted marker': (m) => endpoint.send(`"${m}"`),
  'syntax: a bad escape': (m) => literal(String.raw`"\x${m}"`),
  'syntax: a bad unicode escape': (m) => literal(String.raw`"\u{${m}}"`),
  'syntax: a number with a tail': (m) => literal(`1${m}`),
  'syntax: a lone surrogate': (m) => literal(`"${m}\ud800"`),
  'names: a field': (m) => endpoint.send(`{ ${m} }`),
  'names: a nested field': (m) => endpoint.send(`{ registries { ${m} } }`),
  'names: an argument': (m) => endpoint.send(`{ registries(${m}: "${m}") { totalCount } }`),
  'names: a type': (m) => endpoint.send(`query ($a: ${m}) { __typename }`),
  'names: a directive': (m) => endpoint.send(`{ __typename @${m}(a: "${m}") }`),
  'names: a fragment': (m) => endpoint.send(`{ ...${m} }`),
  'names: a fragment of an unknown type': (m) => endpoint.send(`{ ... on ${m} { __typename } }`),
  'names: an unused fragment': (m) => endpoint.send(`{ __typename } fragment ${m} on Query { __typename }`),
  'names: conflicting aliases': (m) =>
    endpoint.send(`{ ${m}: registry(id: "${m}1") { id } ${m}: registry(id: "${m}2") { id } }`),
  'names: a twin operation': (m) => endpoint.send(`query ${m} { __typename } query ${m} { __typename }`),
  'operation name: unknown': (m) => post(JSON.stringify({ query: 'query A { __typename }', operationName: m })),
  'operation name: an object': (m) => post(JSON.stringify({ query: 'query A { __typename }', operationName: { m } })),
  'extensions: a string': (m) => post(JSON.stringify({ query: '{ __typename', extensions: m })),
  'extensions: with a bad query': (m) => post(JSON.stringify({ query: '{ nothing }', extensions: { [m]: m } })),
  'body: broken JSON': (m) => post(`{"query":"${m}`),
  'body: JSON with a tail': (m) => post(`{"query":"{ __typename }"}${m}`),
  'body: a list': (m) => post(JSON.stringify([{ query: m }])),
  'body: a string': (m) => post(JSON.stringify(m)),
  'body: an unknown key': (m) => post(JSON.stringify({ [m]: m })),
  'body: no UTF-8': (m) =>
    endpoint.request('/graphql', {
      method: 'POST',
      headers: jsonHeaders('ADMIN'),
      body: Buffer.from(`{"query":"${m}\u00ff"}`, 'latin1'),
    }),
  'body: too large': (m) => post(JSON.stringify({ query: m.repeat(12_000) })),
  'get: a bad query': (m) => query({ query: `{ ${m}(a: "${m}") }` }),
  'get: variables that are no JSON': (m) => query({ query: '{ __typename }', variables: m }),
  'get: variables of a wrong type': (m) =>
    query({ query: 'query ($n: Int) { registries(first: $n) { totalCount } }', variables: JSON.stringify({ n: m }) }),
  'get: an operation name': (m) => query({ query: 'query A { __typename }', operationName: m }),
  'get: a mutation': (m) => query({ query: `mutation { deleteRegistry(id: "${m}") { deletedId } }` }),
  'get: extensions that are no JSON': (m) => query({ query: '{ __typename }', extensions: `{${m}` }),
};

describe('no malformed request is echoed', () => {
  test.each(Object.entries(malformed))('%s', async (_what, send) => {
    for (const marker of [
      'hunter2',
      `M${randomBytes(12).toString('hex')}`,
      `input_${randomBytes(6).toString('hex')}`,
    ]) {
      const answer = await send(marker);
      const errors = answer.body.errors ?? (dataAt(answer, 'createRegistry', 'errors') as unknown[]) ?? [];
      expect(errors.length, answer.text).toBeGreaterThan(0);
      expect(answer.text).not.toContain(marker);
      expect([...answer.headers.values()].join('\n')).not.toContain(marker);
      expect(endpoint.log.join('\n')).not.toContain(marker);
      expect(answer.text).not.toContain('INTERNAL_SERVER_ERROR');
    }
  });

  test('there are at least 200 of them', () => {
    expect(Object.keys(malformed).length * 3).toBeGreaterThanOrEqual(200);
  });
});

describe('the mistake is still reported', () => {
  test.each([
    [
      'an unknown field in variables',
      () => variables({ registry: 'a', username: 'u', password: 'p', bogus: 1 }),
      'Variable "$input" got an invalid value: Field "…" is not defined by type "CreateRegistryInput" (line 1, column 11).',
    ],
    [
      'a wrong type in variables',
      () => variables({ registry: 'a', username: 'u', password: 5 }),
      'Variable "$input" got an invalid value at "password": A Secret must be a string (line 1, column 11).',
    ],
    [
      'a wrong type under another variable name',
      () =>
        endpoint.send('mutation ($i: CreateRegistryInput!) { createRegistry(input: $i) { errors { code } } }', {
          i: { registry: 'a', username: [], password: 'p' },
        }),
      'Variable "…" got an invalid value at "username": Expected a value of type "String" (line 1, column 11).',
    ],
    [
      'a missing field in variables',
      () => variables({ registry: 'a', username: 'u' }),
      'Variable "$input" got an invalid value: Field "password" of required type "Secret!" was not provided (line 1, column 11).',
    ],
    [
      'a missing variable',
      () => endpoint.send(create),
      'Variable "$input" of required type "CreateRegistryInput!" was not provided (line 1, column 11).',
    ],
    ['a wrong literal', () => literal('5'), 'A Secret must be a string (line 1, column 84).'],
    [
      'a wrong enum',
      () => literal('"p"', ', type: DOCKER'),
      'Expected a value of type "RegistryType" (line 1, column 95).',
    ],
    [
      'an unknown field',
      () => endpoint.send('{ registries { total } }'),
      'Cannot query field "…" on type "RegistryConnection" (line 1, column 16).',
    ],
    [
      'a missing argument',
      () => endpoint.send('{ image { tag } }'),
      'Field "image" argument "reference" of type "String!" is required, but it was not provided (line 1, column 3).',
    ],
    [
      'a syntax error',
      () => endpoint.send('{ registries(first 5) }'),
      'Syntax error: expected ":" (line 1, column 20).',
    ],
    [
      'a field without a selection',
      () => endpoint.send('{ registries }'),
      'Field "registries" of type "RegistryConnection!" must have a selection of subfields (line 1, column 3).',
    ],
  ])('%s', async (_what, send, message) => {
    expect((await send()).body.errors?.map((error) => error.message)).toEqual([message]);
  });
});

describe('internal errors', () => {
  test('are masked with the request id, and logged without what they say', async () => {
    const marker = `M${randomBytes(12).toString('hex')}`;
    endpoint.overrides.get = async () => {
      throw Object.assign(
        new TypeError(`params: ${marker}\n    at ${marker} (fake.js:1:1)`, { cause: new Error(marker) }),
        { code: 'SQLITE_FULL' },
      );
    };
    try {
      const answer = await endpoint.send('query ($id: ID) { registry(id: $id) { id } }', { id: marker });
      expect(answer.body.data).toEqual({ registry: null });
      expect(answer.body.errors).toMatchObject([
        { path: ['registry'], extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-1' } },
      ]);
      expect(answer.text).not.toContain(marker);
      expect(endpoint.log).toHaveLength(1);
      expect(JSON.parse(endpoint.log.join())).toMatchObject({
        requestId: 'request-1',
        errorName: 'TypeError',
        errorCode: 'SQLITE_FULL',
      });
      expect(endpoint.log[0]).toContain('secrets.test.ts');
      expect(endpoint.log[0]).not.toContain(marker);
      expect(endpoint.observed).toEqual(['query INTERNAL_SERVER_ERROR']);
    } finally {
      delete endpoint.overrides.get;
    }
  });

  test('are masked in development too', async () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'development';
    endpoint.overrides.get = async () => {
      throw new Error('inner words');
    };
    try {
      expect((await endpoint.send('{ registry(id: "reg_1") { id } }')).text).not.toMatch(
        /inner words|originalError|stack/,
      );
    } finally {
      delete endpoint.overrides.get;
      process.env['NODE_ENV'] = before;
    }
  });

  test('a problem of the storage is reported with its code, and without its cause', async () => {
    endpoint.overrides.list = async () => {
      throw new Problem('STORAGE_UNAVAILABLE', 'The storage is full.', { cause: new Error('disk words') });
    };
    try {
      const answer = await endpoint.send('{ registries { totalCount } }');
      expect(answer.body.errors).toMatchObject([
        { message: 'The storage is full.', extensions: { code: 'STORAGE_UNAVAILABLE' } },
      ]);
      expect(answer.text).not.toContain('disk words');
    } finally {
      delete endpoint.overrides.list;
    }
  });
});

test('the scalar Secret never comes out', () => {
  expect(() => secretScalar.serialize('hunter2')).toThrow('never returned');
});

test('a document with a text in it is not kept: the text may be a password', () => {
  const documents = createDocuments(schema);
  const remembers = (text: string) => documents.prepare(text) === documents.prepare(text);
  expect(remembers('query ($id: ID) { registry(id: $id) { id } }')).toBe(true);
  expect(
    remembers(
      'mutation { checkRegistry(input: { registry: "a", username: "u", password: "hunter2" }) { validation { valid } } }',
    ),
  ).toBe(false);
  expect(remembers('query ($p: Secret = """hunter2""") { __typename }')).toBe(false);
  expect(remembers(`{ __typename } #${'x'.repeat(9000)}`)).toBe(false);
});

test('few documents are kept: the ones that were used last', () => {
  const documents = createDocuments(schema);
  const first = documents.prepare('{ a0: __typename }');
  const used = documents.prepare('{ used: __typename }');
  for (let index = 1; index < 600; index += 1) {
    documents.prepare(`{ a${index}: __typename }`);
    expect(documents.prepare('{ used: __typename }')).toBe(used);
  }
  expect(documents.prepare('{ a0: __typename }')).not.toBe(first);
});

const aboutTokens = [
  'CreateTokenPayload.token',
  'Mutation.createToken',
  'Mutation.revokeToken',
  'Query.tokens',
  'RevokeTokenPayload.token',
];

test('no output field can hold a password, by its name or by its type', () => {
  const suspicious: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isInputObjectType(type) || !(isObjectType(type) || isInterfaceType(type)))
      continue;
    for (const field of Object.values(type.getFields())) {
      const name = `${type.name}.${field.name}`;
      // A short-lived token of the upstream, made for one repository, is what this one mutation is for; a password it never is.
      if (name === 'CreatePullTokenPayload.token' || name === 'Mutation.createPullToken') continue;
      // The one place where the text of an API token comes out, once, to the one who makes it.
      if (name === 'CreateTokenPayload.text') continue;
      // API tokens of this server without what logs in: each of these leads to an object, whose own fields are walked here too.
      if (aboutTokens.includes(name)) {
        expect(isObjectType(getNamedType(field.type))).toBe(true);
        continue;
      }
      if (/pass|secret|token|credential|auth|^text$/i.test(field.name) || getNamedType(field.type).name === 'Secret')
        suspicious.push(name);
    }
  }
  expect(suspicious).toEqual([]);
});
