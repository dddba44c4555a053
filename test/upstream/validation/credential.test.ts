// The outcomes of validating a credential, at registries of every authentication scheme.

import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { check, marker, secure, trailOf, withCa } from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, openRegistry, sendJson } from '../personalities.ts';

describe('a credential that works', () => {
  it('is VALID at a Basic registry, with every step in order', async () => {
    const server = await secure(basicRegistry);
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome: 'VALID', retryable: false, retryAfter: null, realmHost: null, advice: [] });
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

  it('verifies nothing if anonymous clients get it', async () => {
    const server = await secure(bearerServer({ anonymous: 'FULL_TOKEN', publicRepositories: true }).both);
    expect(await check({ host: server.host, repository: 'team/app' }, withCa)).toMatchObject({
      outcome: 'VALID_UNPROVEN',
    });
  });

  it('that does not exist keeps VALID, with a warning', async () => {
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

describe('the challenge of a repository', () => {
  it('names its own token server: the probe answers that one', async () => {
    const nameOf = (url: string) => (url.startsWith('/v2/docker-b/') ? 'docker-b' : 'docker-a');
    const server = await secure((request, response) => {
      const { url = '', headers } = request;
      const [, own] = /^\/repository\/([^/]+)\/token/.exec(url) ?? [];
      if (own !== undefined)
        return headers.authorization === undefined
          ? sendJson(response, 401, {})
          : sendJson(response, 200, { token: own });
      if (headers.authorization === `Bearer ${nameOf(url)}`) return sendJson(response, 200, {});
      const realm = `https://${headers.host}/repository/${nameOf(url)}/token`;
      return sendJson(response, 401, {}, { 'www-authenticate': `Bearer realm="${realm}",service="${realm}"` });
    });
    const report = await check({ host: server.host, probeRepository: 'docker-b/app' }, withCa);
    expect(report).toMatchObject({ outcome: 'VALID' });
    expect(trailOf(report).slice(-3)).toEqual(['TOKEN PASSED', 'AUTHORIZE PASSED', 'REPOSITORY PASSED']);
  });

  it('of Basic to a token, as of Harbor, is not answered with the password', async () => {
    const { both } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.startsWith('/v2/team/') === true && request.headers.authorization !== undefined
        ? sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="harbor"' })
        : both(request, response),
    );
    const report = await check({ host: server.host, repository: 'team/app' }, withCa);
    expect(report).toMatchObject({ outcome: 'INSUFFICIENT_SCOPE' });
    expect(
      server.received.filter(({ url, authorization }) => url.startsWith('/v2/') && authorization?.startsWith('Basic')),
    ).toEqual([]);
  });

  it.each([
    ['the right one', undefined, 'VALID'],
    ['a wrong one', new Secret('wrong-password'), 'INVALID_CREDENTIALS'],
  ])('accepts a password only for its path, where /v2/ accepts another: %s', async (_case, password, outcome) => {
    const server = await secure((request, response) =>
      request.url?.startsWith('/v2/team/') === true
        ? basicRegistry(request, response)
        : sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="root"' }),
    );
    const used = password === undefined ? undefined : { username: 'alice', password };
    const report = await check({ host: server.host, repository: 'team/app' }, withCa, {}, used);
    expect(report).toMatchObject({ outcome });
    expect(server.authorizations()).toHaveLength(2);
  });

  it('does not contradict the rejection of /v2/ where anonymous clients get the repository', async () => {
    const server = await secure((request, response) =>
      request.url === '/v2/'
        ? sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="root"' })
        : sendJson(response, 200, {}),
    );
    expect(await check({ host: server.host, repository: 'team/app' }, withCa)).toMatchObject({
      outcome: 'INVALID_CREDENTIALS',
    });
  });

  it('of Basic that refuses what /v2/ accepts is about the right', async () => {
    const server = await secure((request, response) =>
      request.url === '/v2/'
        ? basicRegistry(request, response)
        : sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' }),
    );
    expect(await check({ host: server.host, repository: 'team/typo' }, withCa)).toMatchObject({
      outcome: 'INSUFFICIENT_SCOPE',
    });
  });
});

describe('an anonymous token request', () => {
  const answering = (status: number) =>
    secure((request, response) => {
      const { authorization } = request.headers;
      if (request.url?.startsWith('/token') === true && authorization === undefined)
        return sendJson(response, status, ociError('DENIED'));
      return bearerServer().both(request, response);
    });

  it.each([400, 401, 403, 404, 406])('that is refused with %i proves the credential', async (status) => {
    const server = await answering(status);
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'VALID' });
  });

  it.each([429, 500, 503])(
    'that fails with %i verifies nothing, and anonymous access is not reported',
    async (status) => {
      const server = await answering(status);
      const report = await check({ host: server.host }, withCa);
      expect(report).toMatchObject({ outcome: 'VALID_UNPROVEN' });
      expect(JSON.stringify(report)).not.toMatch(/anonymous clients (as well|are accepted)/);
    },
  );
});

describe('an identity token', () => {
  const users = ['<token>', '00000000-0000-0000-0000-000000000000'];
  const issuing = (answer: (form: URLSearchParams) => [number, unknown]) =>
    secure((request, response) => {
      if (request.url?.startsWith('/token') !== true) return bearerServer().registry(request, response);
      if (request.method !== 'POST') return sendJson(response, 401, {});
      return void text(request).then((body) => sendJson(response, ...answer(new URLSearchParams(body))));
    });

  it.each(users)('of the user %s logs in by its own grant, and never as a password', async (username) => {
    const forms: URLSearchParams[] = [];
    const server = await issuing((form) => {
      forms.push(form);
      return [200, { access_token: 'user-token' }];
    });
    const report = await check({ host: server.host }, withCa, {}, { username, password: new Secret(marker) });
    expect(report).toMatchObject({ outcome: 'VALID' });
    expect(forms.map((form) => Object.fromEntries(form))).toEqual([
      { grant_type: 'refresh_token', client_id: 'regway', service: 'test-service', refresh_token: marker },
    ]);
    expect(server.authorizations()).toEqual(['Bearer user-token']);
    expect(server.received.filter(({ url }) => url.includes(encodeURIComponent(marker)))).toEqual([]);
  });

  it.each([
    [401, {}],
    [400, { error: 'invalid_grant' }],
  ])('that is refused with %i %j is INVALID_CREDENTIALS, after one use', async (status, body) => {
    const server = await issuing(() => [status, body]);
    const report = await check(
      { host: server.host },
      withCa,
      {},
      { username: '<token>', password: new Secret(marker) },
    );
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS' });
    expect(server.received.filter(({ url }) => url.startsWith('/token'))).toHaveLength(1);
  });

  it.each([
    [404, {}],
    [405, {}],
    [400, { error: 'unsupported_grant_type' }],
  ])('is sent as a password where the server has no such grant: %i %j', async (status, body) => {
    const server = await secure((request, response) => {
      if (request.method === 'POST') return sendJson(response, status, body);
      const known = `Basic ${Buffer.from(`<token>:${marker}`).toString('base64')}`;
      if (request.url?.startsWith('/token') !== true) return bearerServer().registry(request, response);
      return request.headers.authorization === known
        ? sendJson(response, 200, { token: 'user-token' })
        : sendJson(response, 401, {});
    });
    const report = await check(
      { host: server.host },
      withCa,
      {},
      { username: '<token>', password: new Secret(marker) },
    );
    expect(report).toMatchObject({ outcome: 'VALID' });
  });
});

it('the null GUID of Azure logs in with Basic where its identity token is refused by POST', async () => {
  const username = '00000000-0000-0000-0000-000000000000';
  const known = `Basic ${Buffer.from(`${username}:${marker}`).toString('base64')}`;
  const server = await secure((request, response) => {
    if (request.url?.startsWith('/token') !== true) return bearerServer().registry(request, response);
    return request.method === 'GET' && request.headers.authorization === known
      ? sendJson(response, 200, { token: 'user-token' })
      : sendJson(response, 401, {});
  });
  const report = await check({ host: server.host }, withCa, {}, { username, password: new Secret(marker) });
  expect(report).toMatchObject({ outcome: 'VALID' });
});

it.each(['\n', '\r\n', ' ', '\t'])(
  'a rejected password that ends with %j is reported to end with white space',
  async (end) => {
    const server = await secure((_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const credential = (password: string) => ({ username: 'ci', password: new Secret(password) });
    const report = await check({ host: server.host }, withCa, {}, credential(`${marker}${end}`));
    expect(report).toMatchObject({ outcome: 'INVALID_CREDENTIALS', advice: [{ kind: 'REMOVE_PASSWORD_SPACE' }] });
    expect(JSON.stringify(report)).not.toContain(marker);
    const named = await check(
      { host: server.host },
      withCa,
      {},
      { ...credential(marker), username: `ci${end}`.replaceAll(/[\r\n\t]/g, ' ') },
    );
    expect(named.advice).toEqual([{ kind: 'REMOVE_USERNAME_SPACE' }]);
    const plain = await check({ host: server.host }, withCa, {}, credential(marker));
    expect(plain.advice).toEqual([{ kind: 'CHECK_CREDENTIAL' }]);
  },
);

describe('a redirect within the origin', () => {
  it.each([301, 302, 303, 307, 308])(
    'of HTTP %i is followed with the login, at /v2/ and at the token server',
    async (status) => {
      const { both } = bearerServer();
      const server = await secure((request, response) => {
        const { url = '' } = request;
        if (!url.startsWith('/moved')) return void response.writeHead(status, { location: `/moved${url}` }).end();
        request.url = url.slice('/moved'.length);
        return both(request, response);
      });
      expect(await check({ host: server.host, repository: 'team/app' }, withCa)).toMatchObject({ outcome: 'VALID' });
    },
  );

  it('is followed three times and no more', async () => {
    const server = await secure((_request, response) => void response.writeHead(307, { location: '/v2/' }).end());
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'REDIRECTED' });
    expect(server.received).toHaveLength(4);
  });
});

describe('a registry that requires no login', () => {
  it.each([
    ['no repository is named', null],
    ['only a subtree is named', 'team/*'],
    ['the repository is public', 'team/app'],
  ])('has the outcome NO_AUTH_REQUIRED and never gets the password if %s', async (_case, repository) => {
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
