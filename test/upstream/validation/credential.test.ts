// What a check says of a credential, at registries of every kind of login.

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { check, secure, trailOf, withCa } from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, openRegistry, sendJson } from '../personalities.ts';

describe('a credential that works', () => {
  it('is VALID at a Basic registry, with every step in order', async () => {
    const server = await secure(basicRegistry);
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome: 'VALID', retryable: false, retryAfter: null, realmHost: null, hint: null });
    expect(trailOf(report)).toEqual([
      'RESOLVE SKIPPED',
      'CONNECT PASSED',
      'TLS PASSED',
      'PING PASSED',
      'CHALLENGE PASSED',
      'AUTHORIZE PASSED',
    ]);
    expect(server.authorizations()).toHaveLength(1);
  });

  it('is VALID at a Bearer registry that refuses anonymous clients, by name', async () => {
    const server = await secure(bearerServer().both);
    const report = await check(
      { host: `localhost:${server.port}` },
      { ...withCa, lookup: async () => [{ address: '127.0.0.1', family: 4 }] },
    );
    expect(report).toMatchObject({ outcome: 'VALID', realmHost: `localhost:${server.port}` });
    expect(trailOf(report)).toEqual([
      'RESOLVE PASSED',
      'CONNECT PASSED',
      'TLS PASSED',
      'PING PASSED',
      'CHALLENGE PASSED',
      'REALM PASSED',
      'TOKEN PASSED',
      'AUTHORIZE PASSED',
    ]);
  });

  it.each([
    ['its anonymous token is refused', { anonymous: 'WEAK_TOKEN' }],
    ['only its own token names a user', { anonymous: 'FULL_TOKEN', named: true }],
    ['the token server is a Harbor', { anonymous: 'FULL_TOKEN', service: 'harbor-registry' }],
  ] as const)('is VALID when %s', async (_case, options) => {
    const server = await secure(bearerServer(options).both);
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'VALID' });
  });

  it.each([
    ['with opaque tokens', {}],
    ['with tokens that name even them', { named: true, anonymousSubject: 'ghost' }],
  ])('is VALID_UNPROVEN when anonymous clients fare as well, %s', async (_case, options) => {
    const server = await secure(bearerServer({ anonymous: 'FULL_TOKEN', ...options }).both);
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome: 'VALID_UNPROVEN' });
    expect(trailOf(report).at(-1)).toBe('AUTHORIZE WARNED');
  });

  it('is judged at a registry that sends its challenge with a 200, as Quay does', async () => {
    const { both } = bearerServer({ service: 'harbor-registry' });
    const server = await secure((request, response) => {
      if (request.url !== '/v2/' || request.headers.authorization !== undefined) return both(request, response);
      return sendJson(response, 200, {}, { 'www-authenticate': 'Bearer realm="/token",service="harbor-registry"' });
    });
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'VALID' });
  });
});

describe('a repository', () => {
  it('proves the credential when anonymous clients do not get it', async () => {
    const server = await secure(bearerServer({ anonymous: 'FULL_TOKEN' }).both);
    const report = await check({ host: server.host, repository: 'team/*', probeRepository: 'team/app' }, withCa);
    expect(report).toMatchObject({ outcome: 'VALID' });
    expect(report.message).toContain('team/app');
    expect(trailOf(report).at(-1)).toBe('REPOSITORY PASSED');
  });

  it('proves nothing when everybody gets it', async () => {
    const server = await secure(bearerServer({ anonymous: 'FULL_TOKEN', publicRepositories: true }).both);
    expect(await check({ host: server.host, repository: 'team/app' }, withCa)).toMatchObject({
      outcome: 'VALID_UNPROVEN',
    });
  });

  it('that is not there leaves VALID, with a warning', async () => {
    const server = await secure(bearerServer({ repositoryStatus: 404 }).both);
    const report = await check({ host: server.host, repository: 'team/app' }, withCa);
    expect(report.outcome).toBe('VALID');
    expect(trailOf(report).at(-1)).toBe('REPOSITORY WARNED');
  });

  it('proves the credential at a registry with an open /v2/', async () => {
    const closed = bearerServer().both;
    const server = await secure((request, response) =>
      (request.url === '/v2/' ? openRegistry : closed)(request, response),
    );
    const report = await check({ host: server.host, repository: 'team/app' }, withCa);
    expect(report.outcome).toBe('VALID');
    expect(trailOf(report).slice(3)).toEqual([
      'PING PASSED',
      'CHALLENGE PASSED',
      'REALM PASSED',
      'TOKEN PASSED',
      'REPOSITORY PASSED',
    ]);
  });
});

describe('a registry that asks for nothing', () => {
  it.each([
    ['no repository is named', null],
    ['only a subtree is named', 'team/*'],
    ['the repository is public', 'team/app'],
  ])('gives NO_AUTH_REQUIRED and never sees the password when %s', async (_case, repository) => {
    const server = await secure(openRegistry);
    expect(await check({ host: server.host, repository }, withCa)).toMatchObject({
      outcome: 'NO_AUTH_REQUIRED',
      retryable: false,
    });
    expect(server.authorizations()).toEqual([]);
    expect(server.received.map(({ url }) => url)).toEqual(
      repository === 'team/app' ? ['/v2/', '/v2/team/app/tags/list?n=1'] : ['/v2/'],
    );
  });

  it('that answers 200 with a Basic challenge gets no password for it', async () => {
    const server = await secure((_request, response) =>
      sendJson(response, 200, {}, { 'www-authenticate': 'Basic realm="give it to me"' }),
    );
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'NO_AUTH_REQUIRED' });
    expect(server.authorizations()).toEqual([]);
  });
});

describe('a credential that does not work', () => {
  const wrong = { username: 'alice', password: new Secret('wrong-password') };

  it.each([
    ['Basic', basicRegistry],
    ['Bearer', bearerServer({ anonymous: 'FULL_TOKEN' }).both],
  ])('is INVALID_CREDENTIALS with %s, after one use', async (_scheme, handler) => {
    const server = await secure(handler);
    const report = await check({ host: server.host }, withCa, {}, wrong);
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS', retryable: false });
    expect(report.message).toContain('"alice"');
    expect(server.authorizations()).toHaveLength(1);
  });

  it.each([400, 401, 403])(
    'is INVALID_CREDENTIALS or without right when the registry answers Basic with %i',
    async (status) => {
      const server = await secure((request, response) =>
        request.headers.authorization === undefined
          ? sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' })
          : sendJson(response, status, ociError('DENIED', 'requested access to the resource is denied')),
      );
      const report = await check({ host: server.host }, withCa);
      expect(report.outcome).toBe(status === 403 ? 'INSUFFICIENT_SCOPE' : 'INVALID_CREDENTIALS');
      expect(report.message).toContain('Its error code is DENIED.');
    },
  );

  it('is INVALID_CREDENTIALS when the token server answers 403 DENIED, as GitHub does', async () => {
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true
        ? sendJson(response, 403, ociError('DENIED'))
        : bearerServer().registry(request, response),
    );
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'INVALID_CREDENTIALS' });
  });

  it.each([401, 403, 405])('is INSUFFICIENT_SCOPE when the repository answers %i', async (repositoryStatus) => {
    const server = await secure(bearerServer({ repositoryStatus }).both);
    const report = await check({ host: server.host, repository: 'team/app' }, withCa);
    expect(report).toMatchObject({ outcome: 'INSUFFICIENT_SCOPE' });
    expect(report.message).toContain('team/app');
    expect(trailOf(report).at(-1)).toBe('REPOSITORY FAILED');
  });
});
