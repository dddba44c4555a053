// Every operation for every role against the one permission table, logging in by Basic and Bearer, and acting in another account.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { permissions } from '../../../src/core/authz/permissions.ts';
import { type Role, roles } from '../../../src/core/authz/principal.ts';
import { openApiDocument } from '../../../src/server/rest/openapi.ts';
import { operations } from '../../../src/server/rest/registries.ts';
import { creation, openApi, type TestApi, verdictOf, type Who } from './harness.ts';

let api: TestApi;

beforeAll(async () => {
  api = await openApi();
});

afterAll(() => api.close());

/** The table of operations, flat. */
const rows = Object.entries(operations).flatMap(([resource, methods]) =>
  Object.entries(methods).map(([method, { permission }]) => ({
    method,
    path: resource === 'collection' ? '/registries' : '/registries/missing.example',
    permission,
  })),
);

const bodyOf = (method: string) =>
  method === 'POST' || method === 'PUT' ? { body: '{"hunter2', headers: { 'content-type': 'application/json' } } : {};

test('the operations are those of the document, each with its own permission', () => {
  const documented = Object.values(openApiDocument.paths).flatMap((item) =>
    Object.values(item as Record<string, { tags?: string[]; operationId?: string }>),
  );
  const ids = documented.filter(({ tags }) => tags?.[0] === 'Registries').map(({ operationId }) => operationId);
  expect(ids).toEqual(['list_registries', 'create_registry', 'get_registry', 'update_registry', 'delete_registry']);
  expect(rows.map(({ permission }) => permission)).toEqual([
    'registry.list',
    'registry.create',
    'registry.get',
    'registry.update',
    'registry.delete',
  ]);
});

describe.each(rows)('$method $path', ({ method, path, permission }) => {
  test('without a login: 401 before anything is parsed, with both ways to log in', async () => {
    const answer = await api.send(method, `${path}?validate=nonsense`, { who: null, ...bodyOf(method) });
    expect([answer.status, verdictOf(answer)]).toEqual([401, 'UNAUTHENTICATED']);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="regway", charset="UTF-8", Bearer realm="regway"');
  });

  test.each(roles)('%s: as the table says, before anything is parsed', async (role) => {
    const may = (permissions[permission] as readonly Role[]).includes(role);
    const answer = await api.send(method, path, { who: role, ...bodyOf(method) });
    if (may) expect([200, 400, 404]).toContain(answer.status);
    else expect([answer.status, verdictOf(answer)]).toEqual([403, 'FORBIDDEN']);
  });

  test('who may not run it reaches no use case', async () => {
    const before = api.calls.length;
    for (const who of [null, 'READ_ONLY', 'PULL'] as const) await api.send(method, path, { who, ...bodyOf(method) });
    expect(api.calls.length).toBe(before);
  });
});

describe('logging in', () => {
  const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const list = (authorization: string | string[]) =>
    api.send('GET', '/registries', { who: null, headers: { Authorization: authorization } });

  test.each(['admin', '', 'anyone', 'käthe'])('by Basic, with the token as the password of %j', async (user) => {
    expect((await list(basic(user, api.tokenOf('READ_WRITE')))).status).toBe(200);
  });

  test.each<[string, () => string | string[]]>([
    ['another password', () => basic('admin', 'foobar')],
    ['the token as the user', () => basic(api.tokenOf('READ_WRITE'), '')],
    ['two headers', () => [`Bearer ${api.tokenOf('READ_WRITE')}`, `Bearer ${api.tokenOf('READ_WRITE')}`]],
    ['two headers of two tokens', () => [`Bearer ${api.tokenOf('READ_ONLY')}`, `Bearer ${api.tokenOf('ADMIN')}`]],
    ['an empty header', () => ''],
  ])('with %s is 401, not an anonymous call', async (_, authorization) => {
    const answer = await list(authorization());
    expect([answer.status, verdictOf(answer)]).toEqual([401, 'UNAUTHENTICATED']);
    expect(answer.text).not.toContain('rgw_0');
  });

  test.each(['', '/'])('is not required at the base path%s, with any headers', async (slash) => {
    for (const headers of [{}, { authorization: basic('admin', 'wrong') }]) {
      const answer = await api.send('GET', slash, { who: null, headers });
      expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, '"v2"', 'application/json']);
    }
  });
});

describe('x-anchore-account', () => {
  const as = (who: Who, account: string | string[]) => ({ who, headers: { 'x-anchore-account': account } });

  beforeEach(async () => {
    for (const who of ['ADMIN', 'TENANT'] as const) {
      for (const { registry } of (await api.send('GET', '/registries', { who })).body as { registry: string }[])
        await api.send('DELETE', `/registries/${registry}`, { who });
    }
  });

  test('lets an admin act in another account with every operation', async () => {
    const created = await api.send('POST', '/registries', { ...as('ADMIN', 'tenant'), body: creation('a.example') });
    expect(created.body).toMatchObject([{ registry: 'a.example', account_name: 'tenant', userId: 'tenant' }]);
    expect((await api.send('GET', '/registries', { who: 'ADMIN' })).body).toEqual([]);
    expect((await api.send('GET', '/registries', { who: 'TENANT' })).body).toEqual(created.body);
    expect((await api.send('GET', '/registries', as('ADMIN', 'tenant'))).body).toEqual(created.body);
    expect((await api.send('GET', '/registries/a.example', as('ADMIN', 'tenant'))).status).toBe(200);
    const updated = await api.send('PUT', '/registries/a.example', {
      who: 'ADMIN',
      headers: { 'x-anchore-account': 'tenant' },
      body: { registry_name: 'A' },
    });
    expect(updated.body).toMatchObject([{ registry_name: 'A', account_name: 'tenant' }]);
    expect((await api.send('DELETE', '/registries/a.example', as('ADMIN', 'tenant'))).status).toBe(204);
  });

  test('keeps the same name in two accounts apart', async () => {
    await api.send('POST', '/registries', { who: 'ADMIN', body: creation('a.example', { registry_name: 'of admin' }) });
    await api.send('POST', '/registries', {
      who: 'TENANT',
      body: creation('a.example', { registry_name: 'of tenant' }),
    });
    expect((await api.send('GET', '/registries/a.example', { who: 'TENANT' })).body).toMatchObject([
      { registry_name: 'of tenant' },
    ]);
    expect((await api.send('DELETE', '/registries/a.example', as('ADMIN', 'tenant'))).status).toBe(204);
    expect((await api.send('GET', '/registries/a.example', { who: 'ADMIN' })).body).toMatchObject([
      { registry_name: 'of admin' },
    ]);
  });

  test('may name the account of the caller for any role', async () => {
    expect((await api.send('GET', '/registries', as('TENANT', 'tenant'))).status).toBe(200);
    expect((await api.send('GET', '/registries', as('READ_WRITE', 'admin'))).status).toBe(200);
  });

  test('gives a non-admin the same response for an existing account and a missing one', async () => {
    await api.send('POST', '/registries', { who: 'ADMIN', body: creation('a.example') });
    for (const [method, path] of [
      ['GET', '/registries'],
      ['GET', '/registries/a.example'],
      ['PUT', '/registries/a.example'],
      ['DELETE', '/registries/a.example'],
      ['POST', '/registries'],
    ] as const) {
      const body =
        method === 'POST'
          ? { body: creation('a.example') }
          : method === 'PUT'
            ? { body: { registry_name: 'stolen' } }
            : {};
      const [there, missing] = [
        await api.send(method, path, { ...as('TENANT', 'admin'), ...body }),
        await api.send(method, path, { ...as('TENANT', 'nobody'), ...body }),
      ];
      expect([method, there.status, there.text]).toEqual([method, 404, missing.text]);
    }
    expect((await api.send('GET', '/registries/a.example', { who: 'ADMIN' })).body).toMatchObject([
      { registry_name: 'a.example' },
    ]);
  });

  test('that names no account is 404 for an admin', async () => {
    const answer = await api.send('GET', '/registries', as('ADMIN', 'nobody'));
    expect([answer.status, verdictOf(answer)]).toEqual([404, 'NOT_FOUND']);
  });

  test.each([[''], ['a'.repeat(101)], [['tenant', 'tenant']]])('%j is 400', async (account: string | string[]) => {
    const answer = await api.send('GET', '/registries', as('ADMIN', account));
    expect([answer.status, verdictOf(answer)]).toEqual([400, 'INVALID_INPUT']);
  });
});
