// Redirects to a registry's storage: followed without any credential, through the same rules, or handed to the client.

import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createAuthority, createCertificate, marker, secure, startServer } from '../../upstream/fixtures.ts';
import { sendJson, ociError } from '../../upstream/personalities.ts';
import { inPath, openPullEndpoint } from './harness.ts';
import type { PullEndpoint } from './harness.ts';
import { basicOf, layer, layerDigest, sendLayer, startRegistry } from './registry.ts';

function redirectTo(location: () => string, status = 307): RequestListener {
  return (_request, response) =>
    response.writeHead(status, { location: location(), 'content-length': 0, 'set-cookie': 'a=b' }).end();
}

function pull(endpoint: PullEndpoint, host: string, headers?: Record<string, string>, method?: string) {
  return endpoint.get(`/v2/${inPath(host)}/team/app/blobs/${layerDigest}`, headers, method);
}

describe('a redirect of a blob', () => {
  it.each([301, 302, 303, 307, 308])(
    '%i is followed to another host without Authorization or Cookie, with its range',
    async (status) => {
      const storage = await secure(sendLayer);
      const registry = await startRegistry({
        content: redirectTo(() => `${storage.origin}/bucket/data?signature=abc`, status),
      });
      const endpoint = await openPullEndpoint();
      await endpoint.add(registry.host);
      expect(await pull(endpoint, registry.host)).toMatchObject({
        status: 200,
        body: layer,
        headers: { 'docker-content-digest': layerDigest },
      });
      expect(
        await pull(endpoint, registry.host, { authorization: endpoint.login, range: 'bytes=1-3', cookie: 'c=d' }),
      ).toMatchObject({ status: 206, body: layer.subarray(1, 4) });
      expect(
        storage.received.map(({ url, headers: { authorization, cookie, range } }) => ({
          url,
          authorization,
          cookie,
          range,
        })),
      ).toEqual([
        { url: '/bucket/data?signature=abc', authorization: undefined, cookie: undefined, range: undefined },
        { url: '/bucket/data?signature=abc', authorization: undefined, cookie: undefined, range: 'bytes=1-3' },
      ]);
    },
  );

  it.each(['follow', 'pass'] as const)(
    'on the registry itself is followed with the login, in the mode %s',
    async (redirects) => {
      const storage = await secure(sendLayer);
      let isLast = true;
      const registry = await startRegistry({
        scheme: 'basic',
        content: (request, response) => {
          if (request.url?.startsWith('/v2/') === true) redirectTo(() => '/internal/data?page=1')(request, response);
          else if (isLast) sendLayer(request, response);
          else redirectTo(() => `${storage.origin}/data`)(request, response);
        },
      });
      const endpoint = await openPullEndpoint({ upstream: { redirects } });
      await endpoint.add(registry.host);
      expect(await pull(endpoint, registry.host)).toMatchObject({ status: 200, body: layer });
      expect(registry.received.at(-1)).toMatchObject({ url: '/internal/data?page=1', authorization: basicOf(marker) });
      isLast = false;
      const answer = await pull(endpoint, registry.host);
      if (redirects === 'follow') expect(answer).toMatchObject({ status: 200, body: layer });
      else expect(answer).toMatchObject({ status: 307, headers: { location: `${storage.origin}/data` } });
      expect(storage.authorizations()).toEqual([]);
    },
  );

  it('that leaves the registry and comes back brings no login along', async () => {
    const storage = await secure((_request, response) =>
      redirectTo(() => `${registry.origin}/back`)(_request, response),
    );
    const registry = await secure((request, response) => {
      if (request.url?.startsWith('/v2/') === false) sendLayer(request, response);
      else if (request.headers.authorization === undefined)
        sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="x"' });
      else if (request.url === '/v2/') sendJson(response, 200, {});
      else redirectTo(() => storage.origin)(request, response);
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 200, body: layer });
    expect(registry.received.at(-1)).toMatchObject({ url: '/back', authorization: undefined });
    expect(storage.authorizations()).toEqual([]);
  });

  it('of HEAD is followed with HEAD', async () => {
    const storage = await secure(sendLayer);
    const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host, undefined, 'HEAD')).toMatchObject({
      status: 200,
      headers: { 'content-length': String(layer.length) },
    });
    expect(storage.received[0]?.method).toBe('HEAD');
  });

  it.each([400, 401, 403, 405, 501])(
    'of HEAD that the storage refuses with %i, because the address is signed for GET, is asked as a GET of one byte',
    async (status) => {
      const storage = await secure((request, response) =>
        request.method === 'HEAD' ? response.writeHead(status).end() : sendLayer(request, response),
      );
      const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
      const endpoint = await openPullEndpoint();
      await endpoint.add(registry.host);
      const answer = await pull(endpoint, registry.host, undefined, 'HEAD');
      expect(answer).toMatchObject({
        status: 200,
        headers: { 'content-length': String(layer.length) },
      });
      expect(answer.headers).not.toHaveProperty('content-range');
      expect(storage.received.map(({ method, headers: { range } }) => [method, range])).toEqual([
        ['HEAD', undefined],
        ['GET', 'bytes=0-0'],
      ]);
      expect(storage.authorizations()).toEqual([]);
    },
  );

  it('of HEAD to an empty content whose address is signed for GET has the length 0', async () => {
    const storage = await secure((request, response) =>
      response.writeHead(request.method === 'HEAD' ? 403 : 416, { 'content-range': 'bytes */0' }).end(),
    );
    const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host, undefined, 'HEAD')).toMatchObject({
      status: 200,
      headers: { 'content-length': '0' },
    });
  });

  it.each([403, 404])('of HEAD that the storage refuses as a GET too is that refusal: %i', async (status) => {
    const storage = await secure((_request, response) => response.writeHead(status).end());
    const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect((await pull(endpoint, registry.host, undefined, 'HEAD')).status).toBe(status === 403 ? 503 : status);
    expect(storage.received.length).toBe(status === 403 ? 2 : 1);
  });

  it('to content without its digest ends in a broken connection', async () => {
    const storage = await secure((_request, response) =>
      response.writeHead(200, { 'content-length': layer.length }).end(Buffer.from(layer).fill('x')),
    );
    const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    await expect(pull(endpoint, registry.host)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });

  it('that ends in a 401 is an error: its challenge is not answered, and the cached token lives on', async () => {
    const storage = await secure((request, response) =>
      sendJson(response, 401, ociError('UNAUTHORIZED'), {
        'www-authenticate': `Bearer realm="https://${request.headers.host}/token",service="evil"`,
      }),
    );
    let goesAway = true;
    const registry = await startRegistry({
      content: (request, response) =>
        goesAway ? redirectTo(() => storage.origin)(request, response) : sendLayer(request, response),
    });
    const endpoint = await openPullEndpoint();
    const { id } = await endpoint.add(registry.host);
    const answer = await pull(endpoint, registry.host);
    expect(answer).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(storage.received).toHaveLength(1);
    expect(storage.authorizations()).toEqual([]);
    goesAway = false;
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    expect(registry.tokenRequests()).toHaveLength(1);
    expect((await endpoint.domain.store.registries.byId(id))?.lastValidation?.outcome).toBe('SKIPPED');
  });

  it.each([
    ['403, as storage answers to an old signature', 403, 503],
    ['500', 500, 503],
    ['404', 404, 404],
    ['416', 416, 416],
  ])('that ends in %s', async (_case, status, expected) => {
    const storage = await secure((_request, response) => response.writeHead(status).end('<Error/>'));
    const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await pull(endpoint, registry.host);
    expect(answer.status).toBe(expected);
    expect(answer.body.toString()).not.toContain('<Error');
  });

  it('is followed three times and no more', async () => {
    let hops = 3;
    const storage = await secure((request, response) => {
      const [, hop = '0'] = /^\/(\d+)/.exec(request.url ?? '') ?? [];
      if (Number(hop) < hops) redirectTo(() => `/${Number(hop) + 1}`)(request, response);
      else sendLayer(request, response);
    });
    const registry = await startRegistry({ content: redirectTo(() => `${storage.origin}/1`) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect((await pull(endpoint, registry.host)).status).toBe(200);
    hops = 4;
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 502 });
    expect(storage.received).toHaveLength(6);
  });

  it.each([
    ['plain HTTP', (port: number) => `http://127.0.0.1:${port}/data`],
    ['an address with a login', (port: number) => `https://user:pass@127.0.0.1:${port}/data`],
    ['a link-local address', () => 'https://169.254.169.254/latest/meta-data/'],
    ['a file', () => 'file:///etc/passwd'],
    ['nothing', () => ''],
    ['no address', () => 'https://'],
  ])('to %s is not followed', async (_case, location) => {
    const storage = await startServer(sendLayer);
    const registry = await startRegistry({
      content: (_request, response) => response.writeHead(307, { location: location(storage.port) }).end(),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await pull(endpoint, registry.host);
    expect([403, 502]).toContain(answer.status);
    expect(storage.received).toEqual([]);
  });

  it('goes to an address that the egress policy refuses as little as anything else', async () => {
    const storage = await secure(sendLayer);
    const registry = await startRegistry({
      content: redirectTo(() => storage.origin.replace('127.0.0.1', '127.0.0.5')),
    });
    const endpoint = await openPullEndpoint({ upstream: { egressDeny: ['127.0.0.5'] } });
    await endpoint.add(registry.host);
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 403, code: 'DENIED' });
  });

  it('to storage with a bad certificate fails even where the registry may have one', async () => {
    const other = await createCertificate({ ca: await createAuthority('Other CA') });
    const storage = await startServer(sendLayer, { tls: other });
    const registry = await startRegistry({ content: redirectTo(() => storage.origin) });
    const endpoint = await openPullEndpoint({ upstream: { extraCa: undefined } });
    await endpoint.add(registry.host, { secureConnection: false });
    expect(await pull(endpoint, registry.host)).toMatchObject({ status: 502 });
    expect(storage.received).toEqual([]);
  });
});

describe('with redirects handed to the client', () => {
  it('the client gets the location, and nothing else of the response', async () => {
    const registry = await startRegistry({ content: redirectTo(() => 'https://storage.example/data?signature=abc') });
    const endpoint = await openPullEndpoint({ upstream: { redirects: 'pass' } });
    await endpoint.add(registry.host);
    const answer = await pull(endpoint, registry.host);
    expect(answer).toMatchObject({ status: 307, headers: { location: 'https://storage.example/data?signature=abc' } });
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  it('a place that would not be followed is not handed over either', async () => {
    const registry = await startRegistry({ content: redirectTo(() => 'http://storage.example/data') });
    const endpoint = await openPullEndpoint({ upstream: { redirects: 'pass' } });
    await endpoint.add(registry.host);
    expect((await pull(endpoint, registry.host)).status).toBe(502);
  });
});
