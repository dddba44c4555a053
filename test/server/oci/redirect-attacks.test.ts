// Attacks by redirects: a registry that its owner controls leads pulls into the network of this server, to other content, or back to itself.

import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createOriginOf } from '../../../src/server/http/proxies/origin.ts';
import { createCertificate, marker, startServer, secure } from '../../upstream/fixtures.ts';
import { ociError, sendJson } from '../../upstream/personalities.ts';
import { type EndpointOptions, inPath, openPullEndpoint, type PullAnswer } from './harness.ts';
import { digestOf, layer, layerDigest, manifest, manifestDigest, manifestType, sendLayer } from './registry.ts';

const tls = await createCertificate({ names: ['registry.test', 'storage.test', 'inside.test'] });
const loopbackAddress = { address: '127.0.0.1', family: 4 };
const lookup = async () => [loopbackAddress];

const redirectTo =
  (location: string): RequestListener =>
  (_request, response) =>
    response.writeHead(307, { location }).end();

/** Serves `/v2/` to everybody, and the rest as the listener says. */
const open =
  (listener: RequestListener): RequestListener =>
  (request, response) =>
    request.url === '/v2/' ? sendJson(response, 200, {}) : listener(request, response);

interface Redirected {
  /** What the other host serves. */
  readonly other: RequestListener;
  /** The path there. */
  readonly path: string;
  readonly content: string;
  readonly upstream?: EndpointOptions['upstream'];
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

/** Pulls from a registry that redirects to another host, both on loopback, where a redirect may lead to loopback. */
async function pullRedirected({ other, path, content, upstream, headers, method }: Redirected) {
  const storage = await startServer(other, { tls, address: '127.0.0.5' });
  const registry = await secure(open(redirectTo(`https://storage.test:${storage.port}${path}`)));
  const endpoint = await openPullEndpoint({
    upstream: { extraCa: undefined, lookup: async () => [{ address: '127.0.0.5', family: 4 }], ...upstream },
  });
  await endpoint.add(registry.host, { secureConnection: false });
  const login = { authorization: endpoint.login, ...headers };
  const answer: PullAnswer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/${content}`, login, method);
  return { answer, storage, endpoint };
}

const trusted = { extraCa: tls.cert };

describe('a redirect into a private network', () => {
  async function pullFromName(upstream: EndpointOptions['upstream'], target: (port: number) => string) {
    const inside = await startServer(sendLayer, { tls });
    const registry = await startServer(open(redirectTo(target(inside.port))), { tls });
    const endpoint = await openPullEndpoint({ upstream: { ...trusted, lookup, ...upstream } });
    await endpoint.add(`registry.test:${registry.port}`);
    const answer = await endpoint.get(`/v2/registry.test_${registry.port}/team/app/blobs/${layerDigest}`);
    return { answer, inside };
  }

  it.each([
    ['a name', (port: number) => `https://inside.test:${port}/data`],
    ['an address', (port: number) => `https://127.0.0.1:${port}/data`],
  ])('by %s is not followed, and no connection is made', async (_what, target) => {
    const { answer, inside } = await pullFromName({}, target);
    expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
    expect(String(answer.body)).toContain('private network');
    expect(String(answer.body)).toContain('REGWAY_REDIRECT_HOSTS');
    expect(inside.connections()).toBe(0);
  });

  it.each([(port: number) => `inside.test:${port}`, () => 'inside.test'])(
    'is followed to a host that the operator names',
    async (named) => {
      const inside = await startServer(sendLayer, { tls });
      const registry = await startServer(open(redirectTo(`https://inside.test:${inside.port}/data`)), { tls });
      const endpoint = await openPullEndpoint({
        upstream: { ...trusted, lookup, redirectHosts: [named(inside.port)] },
      });
      await endpoint.add(`registry.test:${registry.port}`);
      expect(await endpoint.get(`/v2/registry.test_${registry.port}/team/app/blobs/${layerDigest}`)).toMatchObject({
        status: 200,
        body: layer,
      });
    },
  );

  it('is followed to another port of the registry itself, whose name has a certificate there', async () => {
    const { answer } = await pullFromName({}, (port) => `https://registry.test:${port}/data`);
    expect(answer).toMatchObject({ status: 200, body: layer });
  });

  it.each(['10.1.2.3', '172.16.0.1', '192.168.1.1', '100.64.0.1', '127.0.0.1', 'fd12::1'])(
    'is refused for %s',
    async (address) => {
      const { answer } = await pullFromName(
        {
          lookup: async (name) =>
            name === 'registry.test' ? [loopbackAddress] : [{ address, family: address.includes(':') ? 6 : 4 }],
        },
        (port) => `https://storage.test:${port}/data`,
      );
      expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
      expect(String(answer.body)).toContain('private network');
    },
  );

  it('shows no host that repeats the password', async () => {
    const hex = Buffer.from(marker).toString('hex');
    const { answer } = await pullFromName({}, () => `https://${hex}.test/data`);
    expect(answer.status).toBe(403);
    expect(String(answer.body)).not.toContain(hex);
  });
});

describe('a manifest that a redirect leads to', () => {
  const serve =
    (body: string | Buffer, headers: Record<string, string> = { 'content-type': manifestType }): RequestListener =>
    (_request, response) =>
      response.writeHead(200, headers).end(body);

  it('as registry.k8s.io sends all of them to another host is passed on', async () => {
    const { answer, storage } = await pullRedirected({
      upstream: trusted,
      other: serve(manifest, { 'content-type': manifestType, 'docker-content-digest': manifestDigest }),
      path: '/v2/k8s-artifacts-prod/images/pause/manifests/3.9',
      content: 'manifests/3.9',
      headers: { range: 'bytes=0-3', 'accept-encoding': 'gzip' },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: manifest,
      headers: { 'content-type': manifestType, 'docker-content-digest': manifestDigest },
    });
    expect(storage.received[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(storage.received[0]?.headers).not.toHaveProperty('range');
    expect(storage.authorizations()).toEqual([]);
  });

  it('of an artifact, which has no schemaVersion, is passed on', async () => {
    const mediaType = 'application/vnd.oci.artifact.manifest.v1+json';
    const artifact = JSON.stringify({ mediaType, artifactType: 'application/vnd.example', blobs: [] });
    const { answer } = await pullRedirected({
      upstream: trusted,
      other: serve(artifact, { 'content-type': mediaType }),
      path: '/v2/a/manifests/sbom',
      content: 'manifests/sbom',
    });
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': mediaType } });
    expect(String(answer.body)).toBe(artifact);
  });

  it('and is 4 MiB of small arrays holds up nobody', async () => {
    const turns = { longestMs: 0, isOver: false, before: process.threadCpuUsage() };
    const look = (): void => {
      const { user, system } = process.threadCpuUsage(turns.before);
      turns.longestMs = Math.max(turns.longestMs, (user + system) / 1_000);
      turns.before = process.threadCpuUsage();
      if (!turns.isOver) setImmediate(look);
    };
    const hostile = Buffer.from(`{"layers":[${'[],'.repeat(1_398_000)}[]]}`);
    const { answer } = await pullRedirected({
      upstream: trusted,
      other: (request, response) => {
        turns.before = process.threadCpuUsage();
        look();
        serve(hostile)(request, response);
      },
      path: '/v2/a/manifests/3.9',
      content: 'manifests/3.9',
    });
    turns.isOver = true;
    expect(answer.status).toBe(502);
    expect(turns.longestMs).toBeLessThan(120);
  });

  it('by digest is passed on whatever its media type', async () => {
    const { answer } = await pullRedirected({
      upstream: trusted,
      other: serve(manifest, { 'content-type': 'text/plain' }),
      path: `/v2/a/manifests/${manifestDigest}`,
      content: `manifests/${manifestDigest}`,
    });
    expect(answer).toMatchObject({ status: 200, body: manifest });
  });

  it('with HEAD is passed on', async () => {
    const { answer } = await pullRedirected({
      upstream: trusted,
      other: serve('', { 'content-type': manifestType, 'docker-content-digest': manifestDigest }),
      path: '/v2/a/manifests/3.9',
      content: 'manifests/3.9',
      method: 'HEAD',
    });
    expect(answer).toMatchObject({ status: 200, headers: { 'docker-content-digest': manifestDigest } });
  });

  it('with a digest that it does not have is passed on without it', async () => {
    const { answer } = await pullRedirected({
      upstream: trusted,
      other: serve(manifest, { 'content-type': manifestType, 'docker-content-digest': layerDigest }),
      path: '/v2/a/manifests/3.9',
      content: 'manifests/3.9',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('docker-content-digest');
  });

  const place = '/v2/a/manifests/3.9';
  it.each<[string, Partial<Redirected> & { other: RequestListener }]>([
    ['is a page', { other: serve('<html>secret</html>', { 'content-type': 'text/html' }) }],
    ['calls itself a manifest and is a page', { other: serve('<html>secret</html>') }],
    ['calls itself a manifest and is other JSON', { other: serve('{"secret":1}') }],
    ['is a manifest of no media type', { other: serve(manifest, {}) }],
    ['is longer than 4 MiB', { other: serve(Buffer.concat([manifest, Buffer.alloc(4 * 1024 * 1024, ' ')])) }],
    [
      'is encoded',
      { other: serve(manifest.subarray(1), { 'content-type': manifestType, 'content-encoding': 'gzip' }) },
    ],
    ['has another digest', { other: serve('{"secret":1}'), content: `manifests/${manifestDigest}` }],
    [
      'is a part',
      {
        other: (_request, response) =>
          response
            .writeHead(206, {
              'content-type': manifestType,
              'content-range': `bytes 0-${manifest.length - 1}/${manifest.length}`,
            })
            .end(manifest),
      },
    ],
    [
      'breaks off',
      {
        other: (_request, response) =>
          response
            .writeHead(200, { 'content-type': manifestType, 'content-length': 9_999 })
            .write(manifest, () => response.destroy()),
      },
    ],
    ['is at an address of storage', { other: serve(manifest), path: '/bucket/data' }],
    ['is at an address of blobs', { other: serve(manifest), path: `/v2/a/blobs/${manifestDigest}` }],
    ['is not below the root', { other: serve(manifest), path: '/admin/v2/a/manifests/3.9' }],
    [
      'is a list of tags in HTML',
      {
        other: serve('<html>secret</html>', { 'content-type': 'text/html' }),
        content: 'tags/list',
        path: '/v2/a/tags/list',
      },
    ],
    [
      'is a list of tags without tags',
      {
        other: serve('{"secret":1}', { 'content-type': 'application/json' }),
        content: 'tags/list',
        path: '/v2/a/tags/list',
      },
    ],
    [
      'is no list of referrers',
      {
        other: serve('{"secret":1}', { 'content-type': 'application/json' }),
        content: `referrers/${manifestDigest}`,
        path: `/v2/a/referrers/${manifestDigest}`,
      },
    ],
    ['is no manifest for HEAD', { other: serve('', { 'content-type': 'text/html' }), method: 'HEAD' }],
  ])('and that %s is 502, and nothing of it is shown', async (_what, redirected) => {
    const { answer, storage } = await pullRedirected({
      path: place,
      content: 'manifests/3.9',
      upstream: trusted,
      ...redirected,
    });
    expect(answer.status).toBe(502);
    expect(String(answer.body)).not.toContain('secret');
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(storage.authorizations()).toEqual([]);
  });

  it('and a list of tags are passed on from the place of their kind', async () => {
    const { answer } = await pullRedirected({
      upstream: trusted,
      other: serve('{"name":"a","tags":["1"]}', { 'content-type': 'application/json; charset=utf-8' }),
      path: '/v2/a/tags/list?n=5',
      content: 'tags/list',
    });
    expect(answer.status).toBe(200);
    expect(JSON.parse(String(answer.body))).toMatchObject({ tags: ['1'] });
  });

  it('and wants a login names the host that it is at', async () => {
    const { answer, storage } = await pullRedirected({
      upstream: trusted,
      other: (_request, response) =>
        sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="x"' }),
      path: place,
      content: 'manifests/3.9',
    });
    expect(answer.status).toBe(503);
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(storage.authorizations()).toEqual([]);
    expect(String(answer.body)).toContain(`storage.test:${storage.port}`);
  });
});

describe('a blob', () => {
  it('of which a part was sent without being asked for is 502', async () => {
    const registry = await secure(
      open((_request, response) =>
        response.writeHead(206, { 'content-range': `bytes 0-${layer.length - 1}/${layer.length}` }).end(layer),
      ),
    );
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).toMatchObject({
      status: 502,
      code: 'UNAVAILABLE',
    });
  });

  it.each([
    ['well formed', digestOf(manifest), digestOf(manifest)],
    ['not a digest', 'sha256:<script>', undefined],
    ['absent', undefined, undefined],
  ])('asked for with HEAD has the digest that the registry claims: %s', async (_what, claimed, expected) => {
    const registry = await secure(
      open((_request, response) =>
        response.writeHead(200, claimed === undefined ? {} : { 'docker-content-digest': claimed }).end(),
      ),
    );
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const { headers } = await endpoint.get(
      `/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`,
      undefined,
      'HEAD',
    );
    expect(headers['docker-content-digest']).toBe(expected);
  });
});

describe('a pull that leads back to this server', () => {
  const viaName = 'regway-0123456789abcdef';

  it('by its own address is refused before a connection is made', async () => {
    const own = await secure(open(sendLayer));
    const endpoint = await openPullEndpoint({
      upstream: { isOwn: (host, port) => host === '127.0.0.1' && port === own.port },
    });
    await endpoint.add(own.host);
    const answer = await endpoint.get(`/v2/${inPath(own.host)}/team/app/blobs/${layerDigest}`);
    expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
    expect(String(answer.body)).toContain('itself');
    expect(own.connections()).toBe(0);
  });

  it('by the name under which the client reached it is refused', async () => {
    const endpoint = await openPullEndpoint();
    const answer = await endpoint.get(`/v2/regway.example/docker.io/team/app/blobs/${layerDigest}`, {
      authorization: endpoint.login,
      host: 'Regway.example',
    });
    expect(answer).toMatchObject({ status: 400, code: 'NAME_INVALID' });
  });

  it('by the name that a proxy in front of it reports is refused', async () => {
    const originOf = createOriginOf({ publicUrl: undefined, trustedProxies: ['127.0.0.0/8'], loopbackOnly: false });
    const endpoint = await openPullEndpoint({ settings: { originOf } });
    const answer = await endpoint.get(`/v2/regway.example/docker.io/team/app/blobs/${layerDigest}`, {
      authorization: endpoint.login,
      host: 'inside:4000',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'regway.example',
    });
    expect(answer).toMatchObject({ status: 400, code: 'NAME_INVALID' });
  });

  it('by its public address is refused', async () => {
    const endpoint = await openPullEndpoint({ settings: { isOwnHost: (host) => host === 'regway.example' } });
    expect(await endpoint.get(`/v2/regway.example/team/app/blobs/${layerDigest}`)).toMatchObject({
      status: 400,
      code: 'NAME_INVALID',
    });
  });

  it('through a redirect of a registry is refused', async () => {
    const own = await secure(open(sendLayer));
    const registry = await secure(open(redirectTo(`${own.origin}/v2/data`)));
    const endpoint = await openPullEndpoint({ upstream: { isOwn: (_host, port) => port === own.port } });
    await endpoint.add(registry.host);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).toMatchObject({
      status: 403,
      code: 'DENIED',
    });
    expect(own.connections()).toBe(0);
  });

  it('through any number of proxies is recognized by its own name in Via, and passes on the names of other Regways alone', async () => {
    const registry = await secure(open(sendLayer));
    const endpoint = await openPullEndpoint({ settings: { viaName }, upstream: { viaName } });
    await endpoint.add(registry.host);
    const pull = (via: string) =>
      endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`, {
        authorization: endpoint.login,
        via,
      });
    expect((await pull('1.1 squid.inside (squid/6), 1.1 regway-fedcba9876543210')).status).toBe(200);
    expect(registry.received.at(-1)?.headers['via']).toBe(`1.1 regway-fedcba9876543210, 1.1 ${viaName}`);
    expect(await pull(`1.1 squid.inside, 1.1 ${viaName}`)).toMatchObject({ status: 508 });
    const others = Array.from({ length: 10 }, (_one, index) => `1.1 regway-${String(index).padStart(16, '0')}`);
    expect(await pull(others.join(', '))).toMatchObject({ status: 508 });
    expect(registry.received.filter(({ url }) => url !== '/v2/')).toHaveLength(1);
  });
});
