// Writes are always rejected, and the log has one line for each rejected or failed pull, which is all that an operator has.

import type { RequestListener } from 'node:http';
import { describe, expect, it, test } from 'vitest';
import { basicHeader, marker } from '../../upstream/fixtures.ts';
import { ociError, sendJson } from '../../upstream/personalities.ts';
import { inPath, openPullEndpoint, type PullEndpoint } from './harness.ts';
import { layer, layerDigest, manifestDigest, type RegistryOptions, startRegistry } from './registry.ts';

describe('a write', () => {
  it.each([
    ['POST', '/v2/docker.io/team/app/blobs/uploads/'],
    ['POST', `/v2/docker.io/team/app/blobs/uploads/?mount=${layerDigest}&from=a/b`],
    ['PATCH', '/v2/docker.io/team/app/blobs/uploads/0d6a'],
    ['PUT', `/v2/docker.io/team/app/blobs/uploads/0d6a?digest=${layerDigest}`],
    ['PUT', '/v2/docker.io/team/app/manifests/latest'],
    ['DELETE', `/v2/docker.io/team/app/manifests/${manifestDigest}`],
    ['DELETE', `/v2/docker.io/team/app/blobs/${layerDigest}`],
    ['POST', '/v2/'],
    ['PUT', '/v2/not/A/path'],
  ])('%s %s is 405 UNSUPPORTED, with or without a login', async (method, path) => {
    const endpoint = await openPullEndpoint();
    for (const headers of [{ authorization: endpoint.login }, {}])
      expect(await endpoint.get(path, headers, method)).toMatchObject({
        status: 405,
        code: 'UNSUPPORTED',
        headers: { allow: 'GET, HEAD' },
      });
    expect([endpoint.log, endpoint.infos]).toEqual([[], []]);
  });
});

interface Line {
  readonly message: string;
  readonly host: string;
  readonly repository: string;
  readonly outcome: string;
  readonly upstreamStatus: number | null;
  readonly status: number | null;
  readonly subject: string | null;
}

const lines = (texts: readonly string[]) => texts.map((text) => JSON.parse(text) as Line);

async function open(options: RegistryOptions): Promise<{ endpoint: PullEndpoint; host: string }> {
  const registry = await startRegistry({ scheme: 'basic', ...options });
  const endpoint = await openPullEndpoint();
  await endpoint.add(registry.host);
  return { endpoint, host: registry.host };
}

describe('the log has one line for a pull', () => {
  it.each<[string, number, string]>([
    ['forbids', 403, 'INSUFFICIENT_SCOPE'],
    ['limits', 429, 'RATE_LIMITED'],
    ['fails in', 500, 'UPSTREAM_ERROR'],
    ['must not serve', 451, 'DENIED'],
  ])('that the registry %s', async (_what, status, outcome) => {
    const { endpoint, host } = await open({
      content: (request, response) =>
        sendJson(response, status, ociError('DENIED', `you sent ${request.headers.authorization} ${marker}`)),
    });
    await endpoint.get(`/v2/${inPath(host)}/team/app/manifests/latest`);
    expect(lines(endpoint.log)).toEqual([
      {
        message: 'a pull was refused',
        requestId: 'request-1',
        host,
        repository: 'team/app',
        subject: expect.stringMatching(/^token:/) as unknown,
        outcome,
        upstreamStatus: status,
        status: status === 500 ? 503 : status,
      },
    ]);
    expect(endpoint.log.join()).not.toContain(marker);
    expect(endpoint.log.join()).not.toContain(basicHeader.slice(6));
  });

  it('whose registry is unreachable', async () => {
    const endpoint = await openPullEndpoint();
    await endpoint.add('127.0.0.1:1');
    await endpoint.get('/v2/127.0.0.1_1/team/app/manifests/latest');
    expect(lines(endpoint.log)).toMatchObject([
      { host: '127.0.0.1:1', repository: 'team/app', outcome: 'UNREACHABLE', upstreamStatus: null, status: 503 },
    ]);
  });

  it('that Regway itself refuses', async () => {
    const { endpoint, host } = await open({});
    const limited = await endpoint.token('PULL', [`${host}/other/*`]);
    const path = `/v2/${inPath(host)}/team/app/manifests/latest`;
    await endpoint.get(path, { authorization: `Bearer ${limited}` });
    await endpoint.get(path, { authorization: 'Bearer rgw_none' });
    expect(lines(endpoint.log)).toMatchObject([
      { host, repository: 'team/app', outcome: 'IMAGE_NOT_COVERED', upstreamStatus: null, status: 403 },
      { host, repository: 'team/app', outcome: 'UNAUTHENTICATED', subject: null, status: 401 },
    ]);
    expect(endpoint.log.join()).not.toContain('rgw_none');
  });

  it('whose content ends early', async () => {
    const { endpoint, host } = await open({
      content: (_request, response) => {
        response.writeHead(200, { 'content-length': layer.length });
        response.write(layer.subarray(0, 5), () => response.destroy());
      },
    });
    await endpoint.get(`/v2/${inPath(host)}/team/app/blobs/${layerDigest}`).catch(() => undefined);
    await expect
      .poll(() => lines(endpoint.log))
      .toMatchObject([{ message: 'a pull was cut short', host, outcome: 'CONTENT_INCOMPLETE', status: null }]);
  });

  it.each<[string, RequestListener, string, string, number | null, number | null]>([
    [
      'which is lost before the head',
      (request) => request.socket.destroy(),
      'manifests/latest',
      'CONNECTION_CLOSED',
      null,
      503,
    ],
    [
      'which ends after the head, before any content',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 9 }).flushHeaders();
        setTimeout(() => response.destroy(), 50);
      },
      `blobs/${layerDigest}`,
      'UNAVAILABLE',
      200,
      502,
    ],
    [
      'which is a part, although all was requested',
      (_request, response) => response.writeHead(206, { 'content-range': 'bytes 0-0/9' }).end('x'),
      `blobs/${layerDigest}`,
      'UPSTREAM_ERROR',
      206,
      502,
    ],
    [
      'which redirects in circles',
      (request, response) => response.writeHead(307, { location: request.url }).end(),
      `blobs/${layerDigest}`,
      'UPSTREAM_ERROR',
      null,
      502,
    ],
    [
      'of referrers that are refused',
      (_request, response) => sendJson(response, 403, {}),
      `referrers/${manifestDigest}`,
      'INSUFFICIENT_SCOPE',
      403,
      403,
    ],
    [
      'of tags that are limited',
      (_request, response) => sendJson(response, 429, ociError('TOOMANYREQUESTS')),
      'tags/list',
      'RATE_LIMITED',
      429,
      429,
    ],
    [
      'of tags while the registry is down',
      (_request, response) => sendJson(response, 503, {}),
      'tags/list',
      'UPSTREAM_ERROR',
      503,
      503,
    ],
  ])('%s', async (_what, content, path, outcome, upstreamStatus, status) => {
    const { endpoint, host } = await open({ content });
    for (const method of ['GET', 'HEAD']) {
      endpoint.log.length = 0;
      expect((await endpoint.get(`/v2/${inPath(host)}/team/app/${path}`, undefined, method)).status).toBe(
        method === 'HEAD' && upstreamStatus === 200 ? 200 : status,
      );
      if (method === 'HEAD' && upstreamStatus === 200) continue;
      expect(lines(endpoint.log)).toMatchObject([
        { host, repository: 'team/app', subject: expect.stringMatching(/^token:/), outcome, upstreamStatus, status },
      ]);
    }
  });

  it('whose content is wrong', async () => {
    const { endpoint, host } = await open({ content: (_request, response) => response.end('wrong') });
    await endpoint.get(`/v2/${inPath(host)}/team/app/blobs/${layerDigest}`).catch(() => undefined);
    await expect.poll(() => lines(endpoint.log)).toMatchObject([{ host, outcome: 'DIGEST_MISMATCH', status: null }]);
  });

  it('of what does not exist, which is no warning', async () => {
    const { endpoint, host } = await open({});
    await endpoint.get(`/v2/${inPath(host)}/team/app/manifests/absent`);
    expect(endpoint.log).toEqual([]);
    expect(lines(endpoint.infos)).toMatchObject([
      { host, repository: 'team/app', outcome: 'MANIFEST_UNKNOWN', upstreamStatus: 404, status: 404 },
    ]);
  });
});

test('what every pull begins with, and what succeeds, is not logged', async () => {
  const { endpoint, host } = await open({});
  const path = `/v2/${inPath(host)}/team/app`;
  await endpoint.get(`${path}/manifests/latest`, {});
  await endpoint.get(`${path}/manifests/latest`);
  await endpoint.get(`${path}/referrers/${manifestDigest}`);
  await endpoint.get(`${path}/manifests/latest`, { authorization: endpoint.login, 'if-none-match': '"x"' });
  expect([endpoint.log, endpoint.infos]).toEqual([[], []]);
});
