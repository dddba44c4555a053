// Every root field for every role, compared with the one permission table: a root field without a row fails.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Operation, permissions } from '../../../../src/core/authz/permissions.ts';
import { type Role, roles } from '../../../../src/core/authz/principal.ts';
import { schema } from '../../../../src/server/graphql/schema/schema.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

const input = '{ registry: "a.example", username: "u", password: "p" }';
const missing = 'reg_00000000000000000000000000000000';

/** Shown to those who may introspect; entities.test.ts has who that is. */
const schemaFields = ['Query._service'];

/** Each root field: the operation that it is, and a document that runs it. */
const rows: Record<string, { readonly operation: Operation; readonly document: string }> = {
  'Query.node': { operation: 'registry.get', document: `{ node(id: "${missing}") { id } }` },
  'Query.registry': { operation: 'registry.get', document: `{ registry(id: "${missing}") { id } }` },
  'Query.registries': { operation: 'registry.list', document: '{ registries { totalCount } }' },
  'Query.image': {
    operation: 'image.explain',
    document: '{ image(reference: "ubuntu") { reference candidates { reason } } }',
  },
  'Query.pullConfig': { operation: 'pull.config', document: '{ pullConfig(format: AUTH_JSON) { fileName } }' },
  'Query._entities': {
    operation: 'registry.get',
    document: `{ _entities(representations: [{ __typename: "Registry", id: "${missing}" }]) { __typename } }`,
  },
  'Query.principal': { operation: 'principal.get', document: '{ principal { subject } }' },
  'Query.accounts': { operation: 'account.list', document: '{ accounts { nodes { name } } }' },
  'Query.tokens': { operation: 'token.list', document: '{ tokens { nodes { id } } }' },
  'Query.auditEvents': { operation: 'audit.list', document: '{ auditEvents { nodes { action } } }' },
  'Mutation.createAccount': {
    operation: 'account.create',
    document: 'mutation { createAccount(name: "tenant") { errors { code } } }',
  },
  'Mutation.disableAccount': {
    operation: 'account.disable',
    document: 'mutation { disableAccount(name: "nobody") { errors { code } } }',
  },
  'Mutation.enableAccount': {
    operation: 'account.enable',
    document: 'mutation { enableAccount(name: "nobody") { errors { code } } }',
  },
  'Mutation.createToken': {
    operation: 'token.create',
    document: 'mutation { createToken(input: { role: READ_ONLY }) { errors { code } } }',
  },
  'Mutation.revokeToken': {
    operation: 'token.revoke',
    document: 'mutation { revokeToken(id: "nobody") { errors { code } } }',
  },
  'Mutation.createRegistry': {
    operation: 'registry.create',
    document: `mutation { createRegistry(input: ${input}) { errors { code } } }`,
  },
  'Mutation.updateRegistry': {
    operation: 'registry.update',
    document: `mutation { updateRegistry(id: "${missing}", input: {}) { errors { code } } }`,
  },
  'Mutation.deleteRegistry': {
    operation: 'registry.delete',
    document: `mutation { deleteRegistry(id: "${missing}") { errors { code } } }`,
  },
  'Mutation.validateRegistry': {
    operation: 'registry.validate',
    document: `mutation { validateRegistry(id: "${missing}") { errors { code } } }`,
  },
  'Mutation.checkRegistry': {
    operation: 'registry.check',
    document: `mutation { checkRegistry(input: ${input}) { errors { code } } }`,
  },
  'Mutation.createPullToken': {
    operation: 'pull.use',
    document: 'mutation { createPullToken(image: "ubuntu") { errors { code } } }',
  },
  'Subscription.registryCheck': {
    operation: 'registry.check',
    document: `subscription { registryCheck(input: ${input}) { report { outcome } } }`,
  },
  'Subscription.registryChanged': {
    operation: 'registry.watch',
    document: 'subscription { registryChanged { kind } }',
  },
  'Subscription.registryValidated': {
    operation: 'registry.watch',
    document: 'subscription { registryValidated { registry { id } } }',
  },
  'Subscription.registryRecheck': {
    operation: 'registry.validate',
    document: `subscription { registryRecheck(id: "${missing}") { report { outcome } } }`,
  },
};

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
});

afterAll(() => endpoint.close());

test('every root field has a row', () => {
  const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
  );
  expect([...Object.keys(rows), ...schemaFields].toSorted()).toEqual(fields.toSorted());
});

test('every operation of the table is reachable', () => {
  expect(new Set(Object.values(rows).map(({ operation }) => operation))).toEqual(new Set(Object.keys(permissions)));
});

/** The codes that one call met, in the payload or at the top level. */
async function codes(document: string, role: Role | null): Promise<string[]> {
  const headers = { ...jsonHeaders(role), accept: 'application/json, text/event-stream' };
  // Streams that would go on for ever are ended as a server that stops does.
  const ending = setInterval(() => endpoint.domain.subscriptions.end(), 50);
  const { text } = await endpoint
    .request('/graphql', { method: 'POST', headers, body: JSON.stringify({ query: document }) })
    .finally(() => clearInterval(ending));
  return [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code = '']) => code);
}

describe.each(Object.entries(rows))('%s', (_field, { operation, document }) => {
  test('without a login: UNAUTHENTICATED', async () => {
    expect(await codes(document, null)).toEqual(['UNAUTHENTICATED']);
  });

  test.each(roles)('%s: as the table says', async (role) => {
    const may = (permissions[operation] as readonly Role[]).includes(role);
    const met = await codes(document, role);
    if (may) expect(met.filter((code) => !['NOT_FOUND', 'ALREADY_EXISTS'].includes(code))).toEqual([]);
    else expect(met).toEqual(['FORBIDDEN']);
  });

  test('who may not run it never reaches an upstream', async () => {
    const before = endpoint.domain.asked.length;
    for (const role of [null, 'READ_ONLY', 'PULL'] as const) await codes(document, role);
    expect(endpoint.domain.asked.length).toBe(before);
  });
});
