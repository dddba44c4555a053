// The meaning of a rejected pull: the credential itself, only one repository, an expired token, or a limit.

import type { IncomingMessage, RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { basicHeader, check, jwt, secure, type TestServer, withCa } from '../fixtures.ts';
import { ociError, sendJson } from '../personalities.ts';
import { openUpstream, passTime, sourceOf, startOfTime } from '../pulling.ts';

const wrong = { username: 'alice', password: new Secret('wrong-password') };
const isToken = ({ url = '' }: IncomingMessage) => url.startsWith('/token');
const scopeOf = ({ url = '' }: { readonly url?: string | undefined }) =>
  new URL(url, 'https://r.test').searchParams.get('scope');
const tokenScopes = (server: TestServer) => server.received.filter(({ url }) => url.startsWith('/token')).map(scopeOf);

/** A registry with Basic that answers 401 for what its user may not see. */
function basicWithRights(allowed: string, accepts = () => basicHeader): RequestListener {
  return (request, response) => {
    const isAllowed = request.url === '/v2/' || request.url?.startsWith(`/v2/${allowed}/`) === true;
    if (request.headers.authorization === accepts() && isAllowed) sendJson(response, 200, 'content');
    else sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="x"' });
  };
}

/** Starts a registry with tokens. `answer` returns the status of a request with one of its tokens. */
function bearer(options: {
  readonly issue: (scope: string | null, authorization: string | undefined) => string | number;
  readonly answer: (token: string, url: string) => number;
  readonly lifetime?: () => Record<string, unknown>;
}): RequestListener {
  return (request, response) => {
    const { authorization } = request.headers;
    if (isToken(request)) {
      const issued = options.issue(scopeOf(request), authorization);
      if (typeof issued === 'number') sendJson(response, issued, ociError('DENIED'));
      else sendJson(response, 200, { token: issued, expires_in: 3600, ...options.lifetime?.() });
      return;
    }
    const [, token = ''] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
    const status = token === '' ? 401 : options.answer(token, request.url ?? '');
    if (status === 200) sendJson(response, 200, 'content');
    else
      sendJson(response, status, ociError('DENIED'), {
        ...(status === 401 && {
          'www-authenticate': `Bearer realm="https://${request.headers.host}/token",service="s"`,
        }),
      });
  };
}

const content = '200 "content"';

describe('a 401 about one repository, from a credential that /v2/ accepts', () => {
  it('is only about that repository: others continue, and the credential is tested once a minute', async () => {
    const server = await secure(basicWithRights('team/app'));
    const upstream = openUpstream();
    const asked = () =>
      server.received.filter(({ url, authorization }) => url === '/v2/' && authorization !== undefined);
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    const before = asked().length;
    const forbidden = await Promise.all(
      Array.from({ length: 20 }, (_, index) => upstream.pull(sourceOf(server.host, `other/app${index}`))),
    );
    expect(new Set(forbidden)).toEqual(new Set(['INSUFFICIENT_SCOPE']));
    expect(asked()).toHaveLength(before + 1);
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    passTime(upstream, 60_000);
    expect(await upstream.pull(sourceOf(server.host, 'other/app'))).toBe('INSUFFICIENT_SCOPE');
    expect(asked()).toHaveLength(before + 2);
  });

  it('is the credential once /v2/ rejects it as well', async () => {
    let accepted = basicHeader;
    const server = await secure(basicWithRights('team/app', () => accepted));
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    accepted = 'Basic of-another-password';
    expect(await upstream.pull(sourceOf(server.host))).toBe('INVALID_CREDENTIALS');
  });

  it('behind an open /v2/ is only about that repository, unless the registry has no other', async () => {
    const server = await secure((request, response) =>
      request.url === '/v2/' ? sendJson(response, 200, {}) : basicWithRights('team/app')(request, response),
    );
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    expect(await upstream.pull(sourceOf(server.host, 'other/app'))).toBe('INSUFFICIENT_SCOPE');
    const exact = { id: 'reg_2', repository: 'other/app' };
    expect(await upstream.pull(sourceOf(server.host, 'other/app', exact))).toBe('INVALID_CREDENTIALS');
  });

  it('to a token is only about that repository if the token server accepts the credential without a scope', async () => {
    const server = await secure(
      bearer({ issue: () => 'token', answer: (_token, url) => (url.includes('/team/') ? 200 : 401) }),
    );
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host, 'other/app'))).toBe('INSUFFICIENT_SCOPE');
    expect(tokenScopes(server)).toEqual(['repository:other/app:pull', null]);
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
  });

  it.each([401, 403])(
    'is only about that repository if the token server responds to the scope with %i',
    async (status) => {
      const server = await secure(
        bearer({ issue: (scope) => (scope?.includes(':other/') === true ? status : 'token'), answer: () => 200 }),
      );
      const upstream = openUpstream();
      expect(await upstream.pull(sourceOf(server.host, 'other/app'))).toBe('INSUFFICIENT_SCOPE');
      expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    },
  );

  it('is the credential where a token server falls back to anonymous tokens for a scope, as Harbor does', async () => {
    const server = await secure(
      bearer({
        issue: (scope, authorization) => (authorization === basicHeader ? 'user' : scope === null ? 401 : 'anonymous'),
        answer: (token) => (token === 'user' ? 200 : 401),
      }),
    );
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host, 'team/app', {}, wrong))).toBe('INVALID_CREDENTIALS');
    expect(await upstream.pull(sourceOf(server.host, 'team/app', { secretVersion: 2, version: 2 }))).toBe(content);
  });

  it('is asked about again after a check that found the credential good', async () => {
    let accepted = false;
    const server = await secure(
      bearer({ issue: (scope) => (scope === null && accepted ? 'token' : 401), answer: () => 200 }),
    );
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host))).toBe('INVALID_CREDENTIALS');
    accepted = true;
    expect(await upstream.pull(sourceOf(server.host))).toBe('INVALID_CREDENTIALS');
    passTime(upstream, 1);
    const lastValidation = { outcome: 'VALID', checkedAt: upstream.time.getTime() } as never;
    expect(await upstream.pull(sourceOf(server.host, 'team/app', { lastValidation }))).toBe('INSUFFICIENT_SCOPE');
  });
});

describe('a wrong password for Basic', () => {
  it.each([
    ['the whole host is sent once', null, 1],
    // A proxy can have a password for each path, which /v2/ does not know.
    ['a path is sent twice at most: to /v2/ and to the path', 'team/*', 2],
  ])('for %s, by 50 pulls at once and by a check', async (_what, repository, times) => {
    const server = await secure(basicWithRights('team/app'));
    const upstream = openUpstream();
    const source = sourceOf(server.host, 'team/app', { repository }, wrong);
    const pulls = await Promise.all(Array.from({ length: 50 }, () => upstream.pull(source)));
    expect(new Set(pulls)).toEqual(new Set(['INVALID_CREDENTIALS']));
    expect(server.authorizations()).toHaveLength(times);
    const target = { host: server.host, repository, probeRepository: 'team/app' };
    expect((await check(target, withCa, {}, wrong)).outcome).toBe('INVALID_CREDENTIALS');
    expect(server.authorizations()).toHaveLength(2 * times);
  });

  it.each([
    ['a wrong one is sent once', wrong, 'INSUFFICIENT_SCOPE', 1],
    ['the right one is sent by each', undefined, content, 50],
  ])(
    'that a repository behind an open /v2/ asks for, by 50 pulls at once: %s',
    async (_what, used, expected, times) => {
      const server = await secure((request, response) =>
        request.url === '/v2/' ? sendJson(response, 200, {}) : basicWithRights('team/app')(request, response),
      );
      const upstream = openUpstream();
      const source = sourceOf(server.host, 'team/app', {}, used);
      const pulls = await Promise.all(Array.from({ length: 50 }, () => upstream.pull(source)));
      expect(new Set(pulls)).toEqual(new Set([expected]));
      expect(server.authorizations()).toHaveLength(times);
    },
  );
});

describe('the challenge of an answer', () => {
  const harbor: RequestListener = (request, response) => {
    const { authorization, host } = request.headers;
    const [, payload = ''] = /^Bearer [^.]*\.([^.]*)/.exec(authorization ?? '') ?? [];
    const granted = Buffer.from(payload, 'base64url').toString();
    if (isToken(request)) sendJson(response, 200, { token: jwt({ scope: scopeOf(request) ?? '' }) });
    else if (authorization === undefined)
      sendJson(
        response,
        401,
        {},
        { 'www-authenticate': `Bearer realm="https://${host}/token",service="harbor-registry"` },
      );
    else if (request.url?.startsWith('/v2/team/app/') === true && granted.includes('team/app'))
      sendJson(response, 200, 'content');
    else sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="harbor"' });
  };

  it('of Basic to a token, as of Harbor, is no change of scheme: no password goes to the registry', async () => {
    const server = await secure(harbor);
    const upstream = openUpstream();
    for (const [repository, expected] of [
      ['team/app', content],
      ['other/app', 'INSUFFICIENT_SCOPE'],
      ['team/app', content],
      ['other/app', 'INSUFFICIENT_SCOPE'],
    ] as const)
      expect(await upstream.pull(sourceOf(server.host, repository))).toBe(expected);
    const passwords = server.received.filter(
      ({ url, authorization }) => url.startsWith('/v2/') && authorization === basicHeader,
    );
    expect(passwords).toEqual([]);
    // Its meaning was tested once, without a login.
    expect(
      server.received.filter(({ url, authorization }) => url.includes('/other/') && authorization === undefined),
    ).toHaveLength(1);
  });

  it('of Basic is answered where the repository itself uses Basic behind a /v2/ with tokens', async () => {
    const legacy = basicWithRights('legacy/app');
    const server = await secure((request, response) =>
      request.url?.startsWith('/v2/legacy/') === true ? legacy(request, response) : harbor(request, response),
    );
    const upstream = openUpstream();
    for (const repository of ['legacy/app', 'team/app', 'legacy/app', 'team/app'])
      expect(await upstream.pull(sourceOf(server.host, repository))).toBe(content);
  });

  it('names a realm only for its repository', async () => {
    const nameOf = (url: string) => (url.startsWith('/v2/b/') ? 'b' : 'a');
    const server = await secure((request, response) => {
      const { url = '', headers } = request;
      const [, own] = /^\/repository\/([ab])\/token/.exec(url) ?? [];
      if (own !== undefined) sendJson(response, 200, { token: own, expires_in: 600 });
      else if (headers.authorization === `Bearer ${nameOf(url)}`) sendJson(response, 200, 'content');
      else
        sendJson(
          response,
          401,
          {},
          {
            'www-authenticate': `Bearer realm="https://${headers.host}/repository/${nameOf(url)}/token",service="s"`,
          },
        );
    });
    const upstream = openUpstream();
    for (const repository of ['a/app', 'b/app', 'a/app', 'b/app'])
      expect(await upstream.pull(sourceOf(server.host, repository))).toBe(content);
    expect((await upstream.mint(sourceOf(server.host, 'b/other')))?.token.reveal()).toBe('b');
    // One of each realm, and one of the wrong realm before b/app and b/other named theirs.
    expect(server.received.filter(({ url }) => url.startsWith('/repository/'))).toHaveLength(5);
  });

  it('that names a realm of another host affects only its repository', async () => {
    const thief = await secure((_request, response) => sendJson(response, 200, { token: 'x' }));
    const server = await secure((request, response) =>
      request.url?.startsWith('/v2/bad/') === true
        ? sendJson(response, 401, {}, { 'www-authenticate': `Bearer realm="${thief.origin}/token"` })
        : bearer({ issue: () => 'token', answer: () => 200 })(request, response),
    );
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host, 'bad/app'))).toBe('FORBIDDEN_REALM');
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    expect(thief.received).toEqual([]);
  });
});

describe('a cached token', () => {
  it.each([400, 401, 403])('that is answered with %i is replaced once, and the pull continues', async (status) => {
    let current = 'first';
    const server = await secure(
      bearer({ issue: () => current, answer: (token) => (token === current ? 200 : status) }),
    );
    const upstream = openUpstream();
    expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    current = 'second';
    const pulls = await Promise.all(Array.from({ length: 50 }, () => upstream.pull(sourceOf(server.host))));
    expect(new Set(pulls)).toEqual(new Set([content]));
    expect(tokenScopes(server)).toHaveLength(2);
  });

  it.each([
    [400, '400'],
    [403, 'INSUFFICIENT_SCOPE'],
  ])(
    'without a permission that is granted in the meantime is replaced with the next request: %i',
    async (status, refused) => {
      let granted = false;
      const server = await secure(
        bearer({ issue: () => (granted ? 'with' : 'without'), answer: (token) => (token === 'with' ? 200 : status) }),
      );
      const upstream = openUpstream();
      expect(await upstream.pull(sourceOf(server.host))).toBe(refused);
      granted = true;
      expect(await upstream.pull(sourceOf(server.host))).toBe(content);
    },
  );

  it('that is refused on and on is replaced once in 30 s', async () => {
    let count = 0;
    const server = await secure(bearer({ issue: () => `token-${(count += 1)}`, answer: () => 403 }));
    const upstream = openUpstream();
    for (let pulls = 0; pulls < 10; pulls += 1)
      expect(await upstream.pull(sourceOf(server.host))).toBe('INSUFFICIENT_SCOPE');
    const scoped = () => tokenScopes(server).filter((scope) => scope !== null);
    expect(scoped()).toHaveLength(2);
    passTime(upstream, 30_000);
    await upstream.pull(sourceOf(server.host));
    expect(scoped()).toHaveLength(3);
  });

  it.each([
    ['back an hour', -3600_000],
    ['forward a day', 86_400_000],
  ])('is kept for its life, and refused ones replaced every 30 s, where the clock is set %s', async (_, jumpMs) => {
    let [elapsedMs, setMs, accepted] = [0, 0, true];
    const server = await secure(
      bearer({ issue: () => 'token', answer: () => (accepted ? 200 : 403), lifetime: () => ({ expires_in: 300 }) }),
    );
    const upstream = openUpstream({
      now: () => new Date(startOfTime.getTime() + elapsedMs + setMs),
      monotonicMs: () => 1 + elapsedMs,
    });
    const tokens = async (passedMs: number): Promise<number> => {
      elapsedMs += passedMs;
      await upstream.pull(sourceOf(server.host));
      return tokenScopes(server).filter((scope) => scope !== null).length;
    };
    expect(await tokens(0)).toBe(1);
    setMs = jumpMs;
    expect([await tokens(269_000), await tokens(1_000)]).toEqual([1, 2]);
    accepted = false;
    expect([await tokens(0), await tokens(0)]).toEqual([3, 3]);
    setMs = 0;
    expect([await tokens(29_000), await tokens(1_000)]).toEqual([3, 4]);
  });

  it('that has ended, as its server said, is replaced each time: no pull fails for a life of less than a minute', async () => {
    let issued = 0;
    const born = new Map<string, number>();
    const upstream = openUpstream();
    const server = await secure(
      bearer({
        issue: () => {
          const token = `token-${(issued += 1)}`;
          born.set(token, upstream.time.getTime());
          return token;
        },
        answer: (token) => (upstream.time.getTime() - (born.get(token) ?? 0) < 10_000 ? 200 : 401),
        lifetime: () => ({ expires_in: 10 }),
      }),
    );
    for (let pulls = 0; pulls < 5; pulls += 1) {
      expect(await upstream.pull(sourceOf(server.host))).toBe(content);
      passTime(upstream, 10_000);
    }
    expect(issued).toBe(5);
  });

  it('lives from when it was issued, where that is shorter', async () => {
    const issued = new Date('2026-01-02T03:03:05Z');
    const server = await secure(
      bearer({
        issue: () => 'token',
        answer: () => 200,
        lifetime: () => ({ expires_in: 120, issued_at: issued.toISOString() }),
      }),
    );
    const upstream = openUpstream();
    expect((await upstream.mint(sourceOf(server.host)))?.expiresAt).toEqual(new Date('2026-01-02T03:05:05Z'));
    await upstream.pull(sourceOf(server.host));
    passTime(upstream, 49_000);
    await upstream.pull(sourceOf(server.host));
    expect(tokenScopes(server)).toHaveLength(2);
  });
});

describe('a limit', () => {
  const words = { message: 'You have exceeded a secondary rate limit. Please wait a few minutes.' };
  const limits: [number, Record<string, string>, unknown][] = [
    [429, {}, {}],
    [429, { 'retry-after': '2.5' }, {}],
    [403, { 'retry-after': '60' }, {}],
    [403, {}, ociError('TOOMANYREQUESTS')],
    [400, {}, ociError('TOOMANYREQUESTS')],
    [401, {}, ociError('TOOMANYREQUESTS')],
    [503, {}, ociError('TOOMANYREQUESTS')],
    [403, {}, words],
  ];

  it.each(limits)('of the registry as HTTP %i %j %j', async (status, headers, body) => {
    const both = bearer({ issue: () => 'token', answer: () => 200 });
    const server = await secure((request, response) =>
      request.headers.authorization === 'Bearer token'
        ? sendJson(response, status, body, headers)
        : both(request, response),
    );
    expect(await openUpstream().pull(sourceOf(server.host))).toBe('RATE_LIMITED');
  });

  it.each(limits.filter(([status]) => status < 500))(
    'of the token server as HTTP %i %j %j',
    async (status, headers, body) => {
      const both = bearer({ issue: () => 'token', answer: () => 200 });
      const server = await secure((request, response) =>
        isToken(request) ? sendJson(response, status, body, headers) : both(request, response),
      );
      expect(await openUpstream().pull(sourceOf(server.host))).toBe('RATE_LIMITED');
    },
  );

  it('is not what the name of a repository says', async () => {
    const server = await secure(bearer({ issue: () => 'token', answer: () => 403 }));
    expect(await openUpstream().pull(sourceOf(server.host, 'rate-limit/too-many-requests'))).toBe('INSUFFICIENT_SCOPE');
  });
});
