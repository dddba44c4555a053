// The catalog of a host: passed where the registry has one, page by page, and only to those who may see every name in it.

import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { OciError } from '../../../src/server/oci/errors.ts';
import { parsePullUrl } from '../../../src/server/oci/routes.ts';
import { basicHeader, secure } from '../../upstream/fixtures.ts';
import { ociError, sendJson } from '../../upstream/personalities.ts';
import { inPath, openPullEndpoint, type EndpointOptions, type PullEndpoint } from './harness.ts';
import { type PullRegistry, type RegistryOptions, serveContent, startRegistry } from './registry.ts';

/** What the registry lists, `other/secret` among it. */
const names = { repositories: ['other/secret', 'team/app'] };

const serveCatalog: RequestListener = (request, response) => {
  if (request.url?.startsWith('/v2/_catalog') !== true) return serveContent(request, response);
  return sendJson(response, 200, names, { link: '</v2/_catalog?last=team%2Fapp&n=2>; rel="next"' });
};

async function open(
  options: RegistryOptions = {},
  endpointOptions: EndpointOptions = {},
): Promise<{ registry: PullRegistry; endpoint: PullEndpoint; path: string }> {
  const registry = await startRegistry({ content: serveCatalog, ...options });
  const endpoint = await openPullEndpoint(endpointOptions);
  await endpoint.add(registry.host);
  return { registry, endpoint, path: `/v2/${inPath(registry.host)}/_catalog` };
}

describe('a catalog', () => {
  it.each(['bearer', 'basic', 'open'] as const)(
    'passes a page with its link, at a registry that is %s',
    async (scheme) => {
      const { registry, endpoint, path } = await open({ scheme });
      const answer = await endpoint.get(`${path}?n=2&last=a%2Fb`);
      expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([200, names]);
      expect(answer.headers.link).toBe(`<${path}?last=team%2Fapp&n=2>; rel="next"`);
      expect(registry.contentRequests()).toEqual(['GET /v2/_catalog?n=2&last=a%2Fb']);
      expect(registry.tokenRequests().map(({ query }) => query.get('scope'))).toEqual(
        scheme === 'bearer' ? ['registry:catalog:*'] : [],
      );
    },
  );

  it('needs one token, with cold caches and 50 readers at once, which no pull shares', async () => {
    const { registry, endpoint, path } = await open();
    const answers = await Promise.all(Array.from({ length: 50 }, () => endpoint.get(path)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`);
    expect(registry.tokenRequests().map(({ query }) => query.get('scope'))).toEqual([
      'registry:catalog:*',
      'repository:team/app:pull',
    ]);
  });

  it('is that of the namespace, of the prefix, or of the default upstream', async () => {
    const registry = await startRegistry({ content: serveCatalog });
    const endpoint = await openPullEndpoint({ settings: { defaultUpstream: registry.host } });
    await endpoint.add(registry.host);
    const name = inPath(registry.host);
    for (const [path, link] of [
      [`/v2/${name}/_catalog`, `/v2/${name}/_catalog?last=team%2Fapp&n=2`],
      [`/v2/_catalog?ns=${registry.host}`, `/v2/_catalog?last=team%2Fapp&n=2&ns=${encodeURIComponent(registry.host)}`],
      ['/v2/_catalog', '/v2/_catalog?last=team%2Fapp&n=2'],
    ])
      expect(await endpoint.get(path ?? '')).toMatchObject({ status: 200, headers: { link: `<${link}>; rel="next"` } });
  });

  it.each([
    ['docker.io/_catalog', 'docker.io'],
    ['ghcr.io_443/_catalog', 'ghcr.io'],
    ['registry_5000/_catalog?n=1', 'registry:5000'],
    ['0--1.ipv6_5000/_catalog', '[::1]:5000'],
    ['[::1]:5000/_catalog', '[::1]:5000'],
    ['_catalog?ns=%5B::1%5D:5000', '[::1]:5000'],
    ['127.0.0.1_5000/_catalog?ns=127.0.0.1:5000', '127.0.0.1:5000'],
  ])('%s is that of its host', (path, host) => {
    expect(parsePullUrl(`/v2/${path}`, undefined)).toMatchObject({ kind: 'catalog', host, repository: null });
  });

  it.each([
    ['no host', '_catalog', 404, 'UNSUPPORTED'],
    ['a name that is no host', 'team/_catalog', 404, 'UNSUPPORTED'],
    ['a name that is no host in a namespace', 'team/_catalog?ns=ghcr.io', 404, 'UNSUPPORTED'],
    ['a path below the host', 'ghcr.io/team/_catalog', 404, 'UNSUPPORTED'],
    ['two hosts', 'ghcr.io/_catalog?ns=quay.io', 400, 'NAME_INVALID'],
    ['a slash at its end', 'ghcr.io/_catalog/', 404, 'UNSUPPORTED'],
  ])('with %s is refused', (_case, path, status, code) => {
    expect(() => parsePullUrl(`/v2/${path}`, undefined)).toThrow(
      expect.objectContaining({ status, code } satisfies Partial<OciError>) as Error,
    );
  });

  it.each([
    ['an absolute link', (own: string) => `<${own}/v2/_catalog?next_page=x&n=1>; rel="next"`, 'next_page=x&n=1'],
    ['a link without quotes', () => '</v2/_catalog?last=b>; rel=next', 'last=b'],
    ['a link below a path', () => '</artifactory/api/docker/all/v2/_catalog?last=b>; rel="next"', 'last=b'],
    ['a relative link', () => '<_catalog?last=b>; rel="next"', 'last=b'],
    ['a link to another host', () => '<https://evil.example/v2/_catalog?last=b>; rel="next"', undefined],
    ['a link to another list', () => '</v2/team/app/tags/list?last=b>; rel="next"', undefined],
  ])('with %s', async (_case, link, expected) => {
    const { endpoint, path } = await open({
      scheme: 'basic',
      content: (request, response) => sendJson(response, 200, names, { link: link(`https://${request.headers.host}`) }),
    });
    expect((await endpoint.get(path)).headers.link).toBe(expected && `<${path}?${expected}>; rel="next"`);
  });
});

describe('who reads a catalog', () => {
  it('may see every name in it: a token with image limits only if one of them is the host', async () => {
    const { registry, endpoint, path } = await open();
    for (const [limits, status] of [
      [[registry.host], 200],
      [[`${registry.host}/team/*`, registry.host], 200],
      [[`${registry.host}/team/*`], 403],
      [[`${registry.host}/team/app`], 403],
      [['ghcr.io'], 403],
    ] as const) {
      const before = registry.received.length;
      const answer = await endpoint.get(path, { authorization: `Bearer ${await endpoint.token('PULL', limits)}` });
      expect([answer.status, answer.code], limits.join()).toEqual([status, status === 200 ? undefined : 'DENIED']);
      expect(answer.body.toString().includes('other/secret')).toBe(status === 200);
      if (status === 403) expect(registry.received).toHaveLength(before);
    }
    expect(endpoint.log.map((line) => JSON.parse(line) as unknown)).toMatchObject(
      Array.from({ length: 3 }, () => ({ host: registry.host, repository: '_catalog', outcome: 'IMAGE_NOT_COVERED' })),
    );
  });

  it('gets a grant for it by the scope of the specification, which covers no image, and no grant of an image covers it', async () => {
    const { registry, endpoint, path } = await open();
    const challenge = (await endpoint.get(path, {})).headers['www-authenticate'] ?? '';
    const service = `regway/${registry.host}`;
    expect(challenge).toContain(`service="${service}",scope="registry:catalog:*"`);
    const name = inPath(registry.host);
    const grant = async (scope: string, token: string) => {
      const query = new URLSearchParams({ service, scope });
      const { body } = await endpoint.get(`/v2/token?${query}`, { authorization: `Bearer ${token}` });
      return { authorization: `Bearer ${(JSON.parse(body.toString()) as { token: string }).token}` };
    };
    const limited = await endpoint.token('PULL', [`${registry.host}/team/*`]);
    const all = await endpoint.token('PULL');
    const manifest = `/v2/${name}/team/app/manifests/latest`;
    expect((await endpoint.get(path, await grant('registry:catalog:*', all))).status).toBe(200);
    expect((await endpoint.get(manifest, await grant('registry:catalog:*', all))).status).toBe(401);
    expect((await endpoint.get(path, await grant('repository:team/app:pull', all))).headers).toMatchObject({
      'www-authenticate': expect.stringContaining('error="insufficient_scope"') as unknown,
    });
    expect((await endpoint.get(path, await grant('registry:catalog:*', limited))).status).toBe(403);
  });

  it('uses the credential of the whole host, and never one of a path', async () => {
    const registry = await startRegistry({ content: serveCatalog });
    const endpoint = await openPullEndpoint();
    await endpoint.add(`${registry.host}/team/*`);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/_catalog`)).toMatchObject({ status: 403, code: 'DENIED' });
    expect(registry.authorizations()).toEqual([]);
  });
});

describe('a registry without a catalog', () => {
  it.each<[number, unknown, number, string]>([
    [404, {}, 404, 'UNSUPPORTED'],
    [404, ociError('NAME_UNKNOWN'), 404, 'NAME_UNKNOWN'],
    [404, ociError('UNSUPPORTED'), 404, 'UNSUPPORTED'],
    [405, {}, 405, 'UNSUPPORTED'],
    [405, ociError('UNSUPPORTED'), 405, 'UNSUPPORTED'],
    [400, ociError('UNSUPPORTED'), 400, 'UNSUPPORTED'],
    [401, ociError('UNSUPPORTED'), 404, 'UNSUPPORTED'],
    [403, ociError('UNSUPPORTED'), 404, 'UNSUPPORTED'],
    [501, {}, 501, 'UNSUPPORTED'],
  ])('that says so as HTTP %i %j: %i %s', async (status, body, expected, code) => {
    const { endpoint, path, registry } = await open({
      content: (request, response) =>
        request.url === '/v2/_catalog' ? sendJson(response, status, body) : serveContent(request, response),
    });
    expect(await endpoint.get(path)).toMatchObject({ status: expected, code });
    expect((await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`)).status).toBe(200);
  });

  it.each(['bearer', 'basic'] as const)(
    'or with one for administrators alone refuses it, and no other request: %s',
    async (scheme) => {
      const { endpoint, path, registry } = await open({
        scheme,
        content: (request, response) =>
          request.url === '/v2/_catalog'
            ? sendJson(response, 401, ociError('UNAUTHORIZED'))
            : serveContent(request, response),
      });
      const answer = await endpoint.get(path);
      expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
      expect(answer.body.toString()).toContain('does not allow it to read the catalog');
      expect(endpoint.log.map((line) => JSON.parse(line) as unknown)).toMatchObject([
        {
          host: registry.host,
          repository: '_catalog',
          outcome: 'INSUFFICIENT_SCOPE',
          upstreamStatus: 401,
          status: 403,
        },
      ]);
      expect((await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`)).status).toBe(200);
    },
  );

  it('behind an open /v2/ that asks for Basic is no verdict on the credential', async () => {
    const server = await secure((request, response) => {
      const isOpen = request.url === '/v2/' || request.headers.authorization === basicHeader;
      if (isOpen && request.url !== '/v2/_catalog') serveContentOrBase(request, response);
      else sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' });
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(server.host);
    expect((await endpoint.get(`/v2/${inPath(server.host)}/_catalog`)).status).toBe(403);
    expect((await endpoint.get(`/v2/${inPath(server.host)}/team/app/manifests/latest`)).status).toBe(200);
  });
});

const serveContentOrBase: RequestListener = (request, response) =>
  request.url === '/v2/' ? sendJson(response, 200, {}) : serveContent(request, response);

describe('what is no page of a catalog', () => {
  /** One name that makes a page exactly this long. */
  const pageOf = (bytes: number) => JSON.stringify({ repositories: ['x'.repeat(bytes - 21)] });

  it.each<[string, RequestListener, number | 'broken']>([
    ['a page of 4 MiB', (_request, response) => response.end(pageOf(4_194_304)), 200],
    ['a page of one byte more', (_request, response) => response.end(pageOf(4_194_305)), 502],
    [
      'a page of 5 MiB whose length nobody says',
      (_request, response) => {
        response.write('{"repositories":["');
        response.end(pageOf(5_242_880));
      },
      'broken',
    ],
    [
      'a web page',
      (_request, response) => {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.end('<html>Log in</html>');
      },
      502,
    ],
    [
      'a page that ends early',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"repositories":', () => response.destroy());
      },
      'broken',
    ],
    [
      'nothing, of which a length was said',
      (_request, response) => void response.writeHead(200, { 'content-length': 9 }).destroy(),
      503,
    ],
  ])('%s', async (_case, content, expected) => {
    const { endpoint, path, registry } = await open({ scheme: 'basic', content });
    const status = await endpoint.get(path).then(
      (answer) => answer.status,
      () => 'broken',
    );
    expect(status).toBe(expected);
    const line = { host: registry.host, repository: '_catalog', status: expected === 'broken' ? null : expected };
    await expect
      .poll(() => endpoint.log.map((text) => JSON.parse(text) as unknown))
      .toMatchObject(expected === 200 ? [] : [line]);
  });
});
