// Upstream tokens for clients: for exactly one repository and the action `pull`, or none if the registry issues none.

import { describe, expect, it, onTestFinished } from 'vitest';
import type { PullSource } from '../../../src/core/pulls/pull.ts';
import type { Registry } from '../../../src/core/registry/registry.ts';
import { createPuller } from '../../../src/upstream/pull/puller.ts';
import { authority, basicHeader, credential, jwt, secure } from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, openRegistry, sendJson } from '../personalities.ts';

const time = new Date('2026-01-02T03:04:05Z');

function open(now = () => time) {
  const upstream = createPuller({
    loopbackAllowed: true,
    egressAllow: [],
    egressDeny: [],
    plainHttpHosts: [],
    extraCa: authority.cert,
    now,
    monotonicMs: () => now().getTime(),
    redirects: 'follow',
  });
  onTestFinished(() => upstream.close());
  return upstream;
}

function sourceOf(host: string, more: Partial<Registry> = {}): PullSource {
  const registry: Registry = {
    id: 'reg_1',
    account: 'admin',
    registry: host,
    host,
    repository: null,
    name: host,
    type: 'DOCKER_V2',
    username: credential.username,
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation: null,
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: time,
    updatedAt: time,
    ...more,
  };
  return { host, repository: 'team/app', registry, credential: async () => credential };
}

describe('a minted token', () => {
  it('is only for the repository and the action pull, and has its expiry', async () => {
    const server = await secure(bearerServer().both);
    const minted = await open().mint(sourceOf(server.host), undefined);
    expect(minted?.token.reveal()).toBe('user-token');
    expect(minted?.expiresAt).toEqual(new Date(time.getTime() + 300_000));
    const [request] = server.received.filter(({ url }) => url.startsWith('/token'));
    expect(new URL(request?.url ?? '', server.origin).searchParams.getAll('scope')).toEqual([
      'repository:team/app:pull',
    ]);
    expect(request?.authorization).toBe(basicHeader);
  });

  it('comes from the cache that pulls use', async () => {
    const server = await secure(bearerServer().both);
    const upstream = open();
    const tokenRequests = () => server.received.filter(({ url }) => url.startsWith('/token'));
    await upstream.mint(sourceOf(server.host), undefined);
    await upstream.mint(sourceOf(server.host), undefined);
    expect(tokenRequests()).toHaveLength(1);
    await upstream.mint(sourceOf(server.host, { version: 2 }), undefined);
    expect(tokenRequests()).toHaveLength(2);
  });

  it('does not exist where only Basic is accepted', async () => {
    const server = await secure(basicRegistry);
    expect(await open().mint(sourceOf(server.host), undefined)).toBeUndefined();
  });

  it('does not exist where no login is wanted, and no credential is sent to find that out', async () => {
    const server = await secure(openRegistry);
    expect(await open().mint(sourceOf(server.host), undefined)).toBeUndefined();
    expect(server.authorizations()).toEqual([]);
  });

  it('is had where /v2/ is open and the repository is not', async () => {
    const server = await secure((request, response) =>
      request.url === '/v2/' ? openRegistry(request, response) : bearerServer().both(request, response),
    );
    expect((await open().mint(sourceOf(server.host), undefined))?.token.reveal()).toBe('user-token');
  });

  it.each([
    ['a refused credential', 401, 'INVALID_CREDENTIALS'],
    ['a refusal to a credential that was never proven', 403, 'INVALID_CREDENTIALS'],
    ['a fault', 500, 'TOKEN_ENDPOINT_ERROR'],
    ['a limit', 429, 'RATE_LIMITED'],
  ])('is UPSTREAM_FAILED after %s', async (_case, status, reason) => {
    const { registry } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true
        ? sendJson(response, status, ociError('UNAUTHORIZED'))
        : registry(request, response),
    );
    await expect(open().mint(sourceOf(server.host), undefined)).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      reason,
    });
  });

  it('a 403 only to the scope is about the repository', async () => {
    const { both } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.includes('scope=') === true ? sendJson(response, 403, ociError('DENIED')) : both(request, response),
    );
    await expect(open().mint(sourceOf(server.host), undefined)).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      reason: 'INSUFFICIENT_SCOPE',
    });
  });

  it.each([
    ['an opaque one', 'no-access'],
    ['one that lists no access', jwt({ sub: 'alice', access: [] })],
  ])('is never one that the registry rejects: %s', async (_case, token) => {
    const { registry } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true ? sendJson(response, 200, { token }) : registry(request, response),
    );
    await expect(open().mint(sourceOf(server.host), undefined)).rejects.toMatchObject({ reason: 'INSUFFICIENT_SCOPE' });
  });

  it('is never one that lists no access, where the registry hides what that is', async () => {
    const { registry } = bearerServer();
    const server = await secure((request, response) => {
      if (request.url?.startsWith('/token') === true)
        return sendJson(response, 200, {
          token: jwt({ access: [{ type: 'repository', name: 'team/app', actions: [] }] }),
        });
      if (request.headers.authorization === undefined) return registry(request, response);
      return sendJson(response, 404, ociError('NAME_UNKNOWN'));
    });
    await expect(open().mint(sourceOf(server.host), undefined)).rejects.toMatchObject({ reason: 'INSUFFICIENT_SCOPE' });
  });

  it('is one that says it may pull, even where tags may not be listed with it, as at Azure', async () => {
    const token = jwt({ access: [{ type: 'repository', name: 'team/app', actions: ['pull'] }] });
    const { registry } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true ? sendJson(response, 200, { token }) : registry(request, response),
    );
    expect((await open().mint(sourceOf(server.host), undefined))?.token.reveal()).toBe(token);
  });

  it('has at least half of its life left, and ends when its server says', async () => {
    const { registry } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.startsWith('/token') === true
        ? sendJson(response, 200, { token: 'user-token', expires_in: 30 })
        : registry(request, response),
    );
    let now = time;
    const upstream = open(() => now);
    const ends: (Date | undefined)[] = [];
    for (const seconds of [0, 15, 16]) {
      now = new Date(time.getTime() + seconds * 1000);
      ends.push((await upstream.mint(sourceOf(server.host), undefined))?.expiresAt);
    }
    const first = new Date(time.getTime() + 30_000);
    expect(ends).toEqual([first, first, new Date(time.getTime() + 46_000)]);
  });

  it('is not waited for by a caller who leaves', async () => {
    const server = await secure(() => undefined);
    await expect(open().mint(sourceOf(server.host), AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
  });
});
