// A stored credential in pulls: cached tokens, changed passwords, rejections, and the order of concurrent requests.

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { callerOf } from '../../support/domain.ts';
import {
  basicHeader,
  createAuthority,
  createCertificate,
  marker,
  secure,
  startServer,
} from '../../upstream/fixtures.ts';
import { ociError, sendJson } from '../../upstream/personalities.ts';
import { inPath, openPullEndpoint } from './harness.ts';
import type { PullEndpoint } from './harness.ts';
import { basicOf, newPassword, serveContent, startRegistry } from './registry.ts';

function pull(endpoint: PullEndpoint, host: string, repository = 'team/app') {
  return endpoint.get(`/v2/${inPath(host)}/${repository}/manifests/latest`);
}

async function change(endpoint: PullEndpoint, id: string, password: string): Promise<void> {
  await endpoint.domain.registries.update(
    callerOf('READ_WRITE'),
    id,
    { password: new Secret(password) },
    { secureConnection: true, validate: false },
  );
}

describe('an upstream token', () => {
  it('serves many pulls, and is renewed before it ends', async () => {
    const registry = await startRegistry({ expiresIn: 100 });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    for (const seconds of [0, 40, 39]) {
      endpoint.domain.time = new Date(endpoint.domain.time.getTime() + seconds * 1000);
      expect((await pull(endpoint, registry.host)).status).toBe(200);
    }
    expect(registry.tokenRequests()).toHaveLength(1);
    // 80 s of 100: a fifth of its life before its end.
    endpoint.domain.time = new Date(endpoint.domain.time.getTime() + 1_000);
    await pull(endpoint, registry.host);
    expect(registry.tokenRequests()).toHaveLength(2);
  });

  it('is asked for once by 50 pulls at the same time with cold caches', async () => {
    const gate = Promise.withResolvers<void>();
    const registry = await startRegistry({ beforeToken: () => gate.promise });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const pulls = Array.from({ length: 50 }, () => pull(endpoint, registry.host));
    await expect.poll(() => registry.tokenRequests().length).toBe(1);
    gate.resolve();
    expect(new Set((await Promise.all(pulls)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(registry.tokenRequests()).toHaveLength(1);
    expect(registry.received.filter(({ url }) => url === '/v2/')).toHaveLength(1);
  });

  it('is never used for another repository, nor that of a credential by an anonymous pull', async () => {
    const registry = await startRegistry({ anonymous: true });
    const endpoint = await openPullEndpoint();
    await endpoint.add(`${registry.host}/team/*`);
    expect((await pull(endpoint, registry.host, 'team/a')).status).toBe(200);
    expect((await pull(endpoint, registry.host, 'team/b')).status).toBe(200);
    expect((await pull(endpoint, registry.host, 'public/c')).status).toBe(200);
    expect(registry.tokenRequests().map(({ authorization, query }) => [authorization, query.get('scope')])).toEqual([
      [basicHeader, 'repository:team/a:pull'],
      [basicHeader, 'repository:team/b:pull'],
      [undefined, 'repository:public/c:pull'],
    ]);
  });

  it('that was revoked is replaced once, and the client does not notice', async () => {
    const registry = await startRegistry({
      isRevoked: (token) => token === 'upstream-token-1' && registry.contentRequests().length > 1,
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    expect(registry.tokenRequests()).toHaveLength(2);
  });

  it('that the registry refuses though it is new says that the right is missing: 403, the credential asked about, no challenge', async () => {
    const registry = await startRegistry({ isRevoked: () => true });
    const endpoint = await openPullEndpoint();
    const { id } = await endpoint.add(registry.host);
    const answer = await pull(endpoint, registry.host);
    expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(registry.tokenRequests().map(({ query }) => query.get('scope'))).toEqual(['repository:team/app:pull', null]);
    expect((await endpoint.domain.store.registries.byId(id))?.lastValidation?.outcome).toBe('SKIPPED');
  });

  it('of an old password is never sent again once the registry was updated', async () => {
    let password = marker;
    const registry = await startRegistry({ accepts: () => basicOf(password) });
    const endpoint = await openPullEndpoint();
    const { id } = await endpoint.add(registry.host);
    await pull(endpoint, registry.host);
    password = newPassword;
    await change(endpoint, id, newPassword);
    const before = registry.received.length;
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    expect(registry.received.slice(before).map(({ authorization }) => authorization)).toEqual([
      undefined,
      basicOf(newPassword),
      'Bearer upstream-token-2',
    ]);
  });

  it('is not lost to the others when the client that asked for it leaves', async () => {
    const gate = Promise.withResolvers<void>();
    const registry = await startRegistry({ beforeToken: () => gate.promise });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const leaver = new AbortController();
    const left = fetch(`${endpoint.url}/v2/${inPath(registry.host)}/team/app/manifests/latest`, {
      headers: { authorization: endpoint.login },
      signal: leaver.signal,
    }).catch((error: unknown) => error);
    await expect.poll(() => registry.tokenRequests().length).toBe(1);
    const stayer = pull(endpoint, registry.host);
    leaver.abort();
    await left;
    gate.resolve();
    expect((await stayer).status).toBe(200);
    expect(registry.tokenRequests()).toHaveLength(1);
  });
});

describe('a credential that the upstream refuses', () => {
  it.each([
    ['bearer', 2],
    ['basic', 1],
  ] as const)(
    'ends in 403 DENIED, shows as last validation, and is sent and asked about once in 60 s: %s',
    async (scheme, logins) => {
      const registry = await startRegistry({ scheme });
      const endpoint = await openPullEndpoint();
      const { id } = await endpoint.add(registry.host, { password: 'wrong-password' });
      const answer = await pull(endpoint, registry.host);
      expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
      expect(answer.headers).not.toHaveProperty('www-authenticate');
      expect((await endpoint.domain.registries.get(callerOf('READ_WRITE'), { id }))?.lastValidation?.outcome).toBe(
        'INVALID_CREDENTIALS',
      );
      for (let count = 0; count < 5; count += 1) expect((await pull(endpoint, registry.host)).status).toBe(403);
      expect(registry.authorizations()).toEqual(Array.from({ length: logins }, () => basicOf('wrong-password')));
      endpoint.domain.time = new Date(endpoint.domain.time.getTime() + 60_000);
      expect((await pull(endpoint, registry.host)).status).toBe(403);
      expect(registry.authorizations()).toHaveLength(2 * logins);
    },
  );

  it.each([
    ['bearer', 2],
    ['basic', 1],
  ] as const)('is sent and asked about once by 50 pulls at the same time: %s', async (scheme, logins) => {
    const registry = await startRegistry({ scheme });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host, { password: 'wrong-password' });
    const answers = await Promise.all(Array.from({ length: 50 }, () => pull(endpoint, registry.host)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    expect(registry.authorizations()).toHaveLength(logins);
  });

  it('only by one repository leaves the credential, and the pulls of others, as they are', async () => {
    const registry = await startRegistry({
      scheme: 'basic',
      content: (request, response) =>
        request.url?.includes('/typo/') === true
          ? sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="x"' })
          : serveContent(request, response),
    });
    const endpoint = await openPullEndpoint();
    const { id } = await endpoint.add(registry.host);
    const lastOf = async () =>
      (await endpoint.domain.registries.get(callerOf('READ_WRITE'), { id }))?.lastValidation?.outcome;
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    const refused = await pull(endpoint, registry.host, 'typo/app');
    expect(refused).toMatchObject({ status: 403, code: 'DENIED' });
    expect(String(refused.body)).toContain('typo/app');
    expect(await lastOf()).toBe('SKIPPED');
    expect((await pull(endpoint, registry.host)).status).toBe(200);
  });

  it.each(['bearer', 'basic'] as const)(
    'was replaced concurrently: no pull fails after the update, and one that crosses it uses the new one: %s',
    async (scheme) => {
      let password = marker;
      const registry = await startRegistry({ scheme, accepts: () => basicOf(password), expiresIn: 60 });
      let crossing: (() => Promise<void>) | undefined;
      const endpoint = await openPullEndpoint({
        wrapUpstream: (upstream) => ({
          async open(source, request) {
            const cross = crossing;
            crossing = undefined;
            await cross?.();
            return upstream.open(source, request);
          },
        }),
      });
      const { id } = await endpoint.add(registry.host);
      expect((await pull(endpoint, registry.host)).status).toBe(200);
      endpoint.domain.time = new Date(endpoint.domain.time.getTime() + 61_000);
      crossing = async () => {
        password = newPassword;
        await change(endpoint, id, newPassword);
      };
      expect((await pull(endpoint, registry.host)).status).toBe(200);
      for (let count = 0; count < 5; count += 1) expect((await pull(endpoint, registry.host)).status).toBe(200);
    },
  );

  it('for one repository does not affect another', async () => {
    const registry = await startRegistry({
      content: (request, response) =>
        request.url?.includes('/closed/')
          ? sendJson(response, 403, ociError('DENIED'))
          : serveContent(request, response),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect((await pull(endpoint, registry.host, 'closed/app')).status).toBe(403);
    expect((await pull(endpoint, registry.host, 'team/app')).status).toBe(200);
  });
});

describe('three credentials on one host', () => {
  it('go each to the repositories that are theirs', async () => {
    const passwords: Record<string, string> = {
      'exact/app': 'password of the exact one',
      'team/app': 'password of the team',
      'other/app': 'password of the host',
    };
    let expected = '';
    const registry = await startRegistry({ accepts: () => expected });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host, { password: passwords['other/app']! });
    await endpoint.add(`${registry.host}/team/*`, { password: passwords['team/app']! });
    await endpoint.add(`${registry.host}/exact/app`, { password: passwords['exact/app']! });
    for (const [repository, password] of Object.entries(passwords)) {
      expected = basicOf(password);
      expect((await pull(endpoint, registry.host, repository)).status).toBe(200);
    }
    expect(registry.tokenRequests().map(({ authorization }) => authorization)).toEqual(
      Object.values(passwords).map(basicOf),
    );
  });
});

describe('without a matching registry', () => {
  it('an image is pulled anonymously, from a token server of any host, since there is nothing to lose', async () => {
    const tokenServer = await secure((_request, response) => sendJson(response, 200, { token: 'anonymous-token' }));
    const registry = await secure((request, response) => {
      if (request.headers.authorization === 'Bearer anonymous-token') serveContent(request, response);
      else
        sendJson(response, 401, ociError('UNAUTHORIZED'), {
          'www-authenticate': `Bearer realm="${tokenServer.origin}/token",service="s"`,
        });
    });
    const endpoint = await openPullEndpoint();
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    expect(tokenServer.authorizations()).toEqual([]);
    expect(endpoint.domain.uses).toEqual([]);
  });

  it('a private image is 403 and not 401, which would make clients log in here again', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    const answer = await pull(endpoint, registry.host);
    expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  it('nothing is sent where anonymous pulls are off', async () => {
    const registry = await startRegistry({ anonymous: true });
    const endpoint = await openPullEndpoint({ anonymousAllowed: false });
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 403, code: 'DENIED' });
    expect(registry.received).toEqual([]);
  });
});

describe('the way to the upstream', () => {
  it.each([
    ['nothing listens', 503],
    ['the egress policy refuses it', 403],
  ])('where %s', async (_case, status) => {
    const endpoint = await openPullEndpoint({ upstream: { egressDeny: ['127.0.0.7'] } });
    const host = status === 403 ? '127.0.0.7:5000' : '127.0.0.1:1';
    await endpoint.add(host);
    expect((await pull(endpoint, host)).status).toBe(status);
  });

  it('where the registry is silent', async () => {
    const registry = await secure(() => undefined);
    const endpoint = await openPullEndpoint({ upstream: { limits: { headersTimeoutMs: 300 } } });
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host)).toMatchObject({
      status: 504,
      code: 'UNAVAILABLE',
      headers: { 'retry-after': '10' },
    });
  });

  it('where the token server is another, untrusted host: the credential is not sent', async () => {
    const evil = await secure((_request, response) => sendJson(response, 200, { token: 'x' }));
    const registry = await secure((_request, response) =>
      sendJson(response, 401, ociError('UNAUTHORIZED'), {
        'www-authenticate': `Bearer realm="${evil.origin}/token",service="s"`,
      }),
    );
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 403, code: 'DENIED' });
    expect(evil.received).toEqual([]);
  });

  it('where a repository names another token server than /v2/ did: the credential stays here too', async () => {
    const evil = await secure((_request, response) => sendJson(response, 200, { token: 'x' }));
    const registry = await startRegistry({
      content: (_request, response) =>
        sendJson(response, 401, ociError('UNAUTHORIZED'), {
          'www-authenticate': `Bearer realm="${evil.origin}/token",service="s"`,
        }),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 403, code: 'DENIED' });
    expect(evil.received).toEqual([]);
  });

  it('an open /v2/ does not keep a repository from asking for the credential', async () => {
    const registry = await secure((request, response) => {
      if (request.url === '/v2/') sendJson(response, 200, {});
      else if (request.headers.authorization === basicHeader) serveContent(request, response);
      else sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="x"' });
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    // Learned: the second pull sends the credential with its first request.
    expect(registry.received.map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
      basicHeader,
      basicHeader,
    ]);
  });

  it('a record without verification shares no connection with one that verifies', async () => {
    const untrusted = await createCertificate({ ca: await createAuthority('Nobody knows it') });
    const registry = await startServer(
      (request, response) => (request.url === '/v2/' ? sendJson(response, 200, {}) : serveContent(request, response)),
      { tls: untrusted },
    );
    const endpoint = await openPullEndpoint();
    await endpoint.add(`${registry.host}/careless/*`, { secureConnection: false });
    await endpoint.add(`${registry.host}/careful/*`);
    expect((await pull(endpoint, registry.host, 'careless/app')).status).toBe(200);
    const before = registry.received.length;
    expect(await pull(endpoint, registry.host, 'careful/app')).toMatchObject({ status: 502 });
    expect(registry.received.length).toBe(before);
  });

  it('plain HTTP is spoken only where the record and the operator permit it', async () => {
    const registry = await startServer((request, response) =>
      request.url === '/v2/' ? sendJson(response, 200, {}) : serveContent(request, response),
    );
    const endpoint = await openPullEndpoint();
    await endpoint.add(`${registry.host}/careless/*`, { secureConnection: false });
    await endpoint.add(`${registry.host}/careful/*`);
    expect((await pull(endpoint, registry.host, 'careless/app')).status).toBe(200);
    const before = registry.received.length;
    expect(await pull(endpoint, registry.host, 'careful/app')).toMatchObject({ status: 403 });
    expect(registry.received.length).toBe(before);
  });
});
