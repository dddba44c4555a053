// The operations over HTTP: the whole life of a registry, pages, matching, and failures as data.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dataAt, openEndpoint, type TestEndpoint } from './harness.ts';

let endpoint: TestEndpoint;

beforeEach(async () => {
  endpoint = await openEndpoint();
});

afterEach(() => endpoint.close());

const registryFields =
  'id registry host repository name type username secureConnection trustedRealm probeRepository account createdAt updatedAt lastValidation { outcome valid }';
const create = `mutation ($input: CreateRegistryInput!, $validate: Boolean! = true) { createRegistry(input: $input, validate: $validate) {
  registry { ${registryFields} } validation { outcome valid message checkedAt steps { kind status } } errors { code reason message field } } }`;
const update = `mutation ($id: ID!, $input: UpdateRegistryInput!, $secureConnection: Boolean! = true) { updateRegistry(id: $id, input: $input, secureConnection: $secureConnection) {
  registry { ${registryFields} } validation { outcome } errors { code field } } }`;

const grype = { registry: 'docker.io/anchore/grype', username: 'me', password: 'hunter2' };

async function created(registry: string): Promise<string> {
  return dataAt(
    await endpoint.send(create, { input: { ...grype, registry } }),
    'createRegistry',
    'registry',
    'id',
  ) as string;
}

test('create, get by id, by text and as a node, update, validate, delete', async () => {
  const answer = await endpoint.send(create, {
    input: { ...grype, registry: 'index.docker.io/anchore/*', name: 'Anchore' },
  });
  expect(dataAt(answer, 'createRegistry')).toEqual({
    registry: {
      id: expect.stringMatching(/^reg_/),
      registry: 'docker.io/anchore/*',
      host: 'docker.io',
      repository: 'anchore/*',
      name: 'Anchore',
      type: 'DOCKER_V2',
      username: 'me',
      secureConnection: true,
      trustedRealm: null,
      probeRepository: null,
      account: 'admin',
      createdAt: '2026-01-02T03:04:05.000Z',
      updatedAt: '2026-01-02T03:04:05.000Z',
      lastValidation: { outcome: 'VALID', valid: true },
    },
    validation: {
      outcome: 'VALID',
      valid: true,
      message: 'The outcome was VALID.',
      checkedAt: '2023-11-14T22:13:20.000Z',
      steps: [{ kind: 'PING', status: 'PASSED' }],
    },
    errors: [],
  });
  expect(endpoint.domain.asked).toMatchObject([{ username: 'me', password: 'hunter2' }]);

  const id = dataAt(answer, 'createRegistry', 'registry', 'id') as string;
  const read = `query ($id: ID!) { byId: registry(id: $id) { id } byPattern: registry(registry: "docker.io/anchore/*") { id } node(id: $id) { __typename id ... on Registry { name } } none: registry(id: "reg_1") { id } }`;
  expect((await endpoint.send(read, { id })).body).toEqual({
    data: { byId: { id }, byPattern: { id }, node: { __typename: 'Registry', id, name: 'Anchore' }, none: null },
  });

  const updated = dataAt(await endpoint.send(update, { id, input: { name: null } }), 'updateRegistry');
  expect(updated).toMatchObject({
    registry: { id, name: 'docker.io/anchore/*' },
    validation: { outcome: 'VALID' },
    errors: [],
  });

  endpoint.domain.outcome = 'INVALID_CREDENTIALS';
  const validated = dataAt(
    await endpoint.send(
      'mutation ($id: ID!) { validateRegistry(id: $id) { registry { lastValidation { outcome } } validation { outcome valid } errors { code } } }',
      { id },
    ),
    'validateRegistry',
  );
  expect(validated).toEqual({
    registry: { lastValidation: { outcome: 'INVALID_CREDENTIALS' } },
    validation: { outcome: 'INVALID_CREDENTIALS', valid: false },
    errors: [],
  });

  const remove = 'mutation ($id: ID!) { deleteRegistry(id: $id) { deletedId errors { code field } } }';
  expect(dataAt(await endpoint.send(remove, { id }), 'deleteRegistry')).toEqual({ deletedId: id, errors: [] });
  expect(dataAt(await endpoint.send(remove, { id }), 'deleteRegistry')).toEqual({
    deletedId: null,
    errors: [{ code: 'NOT_FOUND', field: ['id'] }],
  });
});

test('a password is taken as a literal too', async () => {
  await endpoint.send(
    'mutation { createRegistry(input: { registry: "a.example", username: "u", password: "hunter2" }) { errors { code } } }',
  );
  expect(endpoint.domain.asked).toMatchObject([{ password: 'hunter2' }]);
});

describe('failures that a caller can meet are data', () => {
  test('a refused credential carries its report, and nothing is stored', async () => {
    endpoint.domain.outcome = 'INVALID_CREDENTIALS';
    const answer = await endpoint.send(create, { input: grype });
    expect(dataAt(answer, 'createRegistry')).toMatchObject({
      registry: null,
      validation: { outcome: 'INVALID_CREDENTIALS', valid: false },
      errors: [{ code: 'VALIDATION_FAILED', reason: 'INVALID_CREDENTIALS', field: ['input', 'password'] }],
    });
    expect(dataAt(await endpoint.send('{ registries { totalCount } }'), 'registries', 'totalCount')).toBe(0);
  });

  test.each([
    [
      { ...grype, registry: 'docker.io/anchore' },
      { code: 'INVALID_REGISTRY', field: ['input', 'registry'] },
    ],
    [
      { ...grype, username: 'a:b' },
      { code: 'INVALID_INPUT', field: ['input', 'username'] },
    ],
    [
      { ...grype, account: 'nobody' },
      { code: 'NOT_FOUND', field: ['input', 'account'] },
    ],
  ])('%o', async (input, error) => {
    const answer = await endpoint.send(create, { input });
    expect(answer.body.errors).toBeUndefined();
    expect(dataAt(answer, 'createRegistry')).toMatchObject({ registry: null, errors: [error] });
    expect(endpoint.domain.asked).toEqual([]);
  });

  test('a second registry with the same text, in another spelling', async () => {
    await created('docker.io/anchore/grype');
    const answer = await endpoint.send(create, { input: { ...grype, registry: 'registry-1.docker.io/anchore/grype' } });
    expect(dataAt(answer, 'createRegistry', 'errors')).toMatchObject([
      { code: 'ALREADY_EXISTS', field: ['input', 'registry'] },
    ]);
  });

  test('a stored password does not go over another channel without being named', async () => {
    const id = await created('a.example');
    const answer = await endpoint.send(update, { id, input: {}, secureConnection: false });
    expect(dataAt(answer, 'updateRegistry')).toMatchObject({
      registry: null,
      errors: [{ code: 'PASSWORD_REQUIRED', field: ['input', 'password'] }],
    });
  });

  test('the errors of a query are at the top level, with code and field', async () => {
    const cases = [
      ['{ registry { id } }', 'INVALID_INPUT', ['id']],
      ['{ registries(first: 1, last: 1) { totalCount } }', 'INVALID_INPUT', ['last']],
      ['{ registries(after: "nonsense") { totalCount } }', 'INVALID_INPUT', ['after']],
      ['{ registries(account: "nobody") { totalCount } }', 'NOT_FOUND', ['account']],
    ] as const;
    for (const [query, code, field] of cases) {
      expect((await endpoint.send(query)).body.errors).toMatchObject([{ extensions: { code, field } }]);
    }
  });

  test('an invalid image reference is rejected with the reason', async () => {
    const { errors } = (await endpoint.send('{ image(reference: "Bad//Name") { reference } }')).body;
    expect(errors).toMatchObject([
      { path: ['image'], extensions: { code: 'INVALID_REFERENCE', reason: expect.stringMatching(/^[A-Z_]+$/) } },
    ]);
  });
});

describe('pages', () => {
  const list = `query ($first: Int, $last: Int, $after: String, $before: String, $orderBy: RegistryOrder, $filter: RegistryFilter) {
    registries(first: $first, last: $last, after: $after, before: $before, orderBy: $orderBy, filter: $filter) {
      nodes { registry } edges { cursor node { registry } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
  interface Page {
    readonly nodes: readonly { readonly registry: string }[];
    readonly edges: readonly { readonly cursor: string; readonly node: object }[];
    readonly pageInfo: {
      readonly hasNextPage: boolean;
      readonly hasPreviousPage: boolean;
      readonly startCursor: string | null;
      readonly endCursor: string | null;
    };
  }
  const page = async (variables: object) => dataAt(await endpoint.send(list, variables), 'registries') as Page;

  beforeEach(async () => {
    for (const host of ['a', 'b', 'c', 'd', 'e']) await created(`${host}.example`);
  });

  test('walking forward sees every registry once, in order', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const { nodes, pageInfo }: Page = await page({ first: 2, after });
      seen.push(...nodes.map(({ registry }) => registry));
      expect(pageInfo.hasPreviousPage).toBe(after !== null);
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage) break;
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'].map((host) => `${host}.example`));
  });

  test('the last page comes in the order of the list, and nodes equal edges', async () => {
    const { nodes, edges, pageInfo } = await page({ last: 2, orderBy: { direction: 'DESC' } });
    expect(nodes).toEqual([{ registry: 'b.example' }, { registry: 'a.example' }]);
    expect(edges.map(({ node }) => node)).toEqual(nodes);
    expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0]?.cursor, edges[1]?.cursor]);
    expect(pageInfo.hasPreviousPage).toBe(true);
  });

  test('an empty page has no cursors', async () => {
    expect(await page({ filter: { host: 'z.example' } })).toEqual({
      nodes: [],
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  test('the count covers all pages and is made only when asked for', async () => {
    let counted = 0;
    endpoint.overrides.list = async (caller, args) => {
      const result = await endpoint.domain.registries.list(caller, args);
      return { ...result, totalCount: () => ((counted += 1), result.totalCount()) };
    };
    await endpoint.send('{ registries(first: 1) { nodes { id } } }');
    expect(counted).toBe(0);
    expect(
      dataAt(
        await endpoint.send('{ registries(first: 1, filter: { search: "EXAMPLE" }) { totalCount nodes { id } } }'),
        'registries',
        'totalCount',
      ),
    ).toBe(5);
    expect(counted).toBe(1);
  });
});

test('an image names the most specific registry, and says why each candidate is used or not', async () => {
  for (const text of ['docker.io', 'docker.io/anchore/*', 'docker.io/anchore/grype']) await created(text);
  const query =
    '{ image(reference: "anchore/grype:v1") { reference host repository tag digest registry { registry } candidates { registry { registry } matched reason } } }';
  const answer = await endpoint.send(query, {}, 'PULL');
  expect(dataAt(answer, 'image')).toMatchObject({
    reference: 'docker.io/anchore/grype:v1',
    host: 'docker.io',
    repository: 'anchore/grype',
    tag: 'v1',
    digest: null,
    registry: { registry: 'docker.io/anchore/grype' },
  });
  expect(dataAt(answer, 'image', 'candidates')).toMatchObject(
    ['docker.io/anchore/grype', 'docker.io/anchore/*', 'docker.io'].map((registry) => ({
      registry: { registry },
      matched: true,
    })),
  );
});

test('an image that no registry covers is pulled anonymously', async () => {
  expect(
    dataAt(
      await endpoint.send('{ image(reference: "ghcr.io/a/b") { registry { id } candidates { reason } } }'),
      'image',
    ),
  ).toEqual({ registry: null, candidates: [] });
});

test('who am I', async () => {
  const query = '{ principal { subject account role images expiresAt } }';
  expect(dataAt(await endpoint.send(query, {}, 'PULL'), 'principal')).toEqual({
    subject: 'token:pull',
    account: 'admin',
    role: 'PULL',
    images: null,
    expiresAt: null,
  });
});

test('each answer is observed with its operation and code', async () => {
  await endpoint.send('{ principal { role } }');
  await endpoint.send('{ principal { role } }', {}, null);
  await endpoint.send('mutation { deleteRegistry(id: "x") { deletedId } }');
  await endpoint.send('{ nothing }');
  await endpoint.request('/graphql', { method: 'PUT' });
  expect(endpoint.observed).toEqual([
    'query OK',
    'query UNAUTHENTICATED',
    'mutation OK',
    'none GRAPHQL_VALIDATION_FAILED',
    'none METHOD_NOT_ALLOWED',
  ]);
});
