// Answers of registries and proxies that are not as the specification has them, and what clients get of them.

import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { inPath, openPullEndpoint, type PullAnswer } from './harness.ts';
import {
  layer,
  layerDigest,
  manifest,
  manifestDigest,
  manifestType,
  type PullRegistry,
  serveContent,
  startRegistry,
} from './registry.ts';

async function open(
  content: RequestListener,
): Promise<{ registry: PullRegistry; get: (path: string, method?: string, range?: string) => Promise<PullAnswer> }> {
  const registry = await startRegistry({ content });
  const endpoint = await openPullEndpoint();
  await endpoint.add(registry.host);
  return {
    registry,
    get: (path, method, range) =>
      endpoint.get(
        `/v2/${inPath(registry.host)}/team/app/${path}`,
        { authorization: endpoint.login, ...(range !== undefined && { range }) },
        method,
      ),
  };
}

describe('a registry without HEAD', () => {
  it.each([405, 501])('which says HTTP %i, is asked by GET for no more than the head', async (status) => {
    const { registry, get } = await open((request, response) =>
      request.method === 'HEAD' ? response.writeHead(status).end() : serveContent(request, response),
    );
    expect(await get('manifests/latest', 'HEAD')).toMatchObject({
      status: 200,
      headers: {
        'content-type': manifestType,
        'content-length': String(manifest.length),
        'docker-content-digest': manifestDigest,
      },
    });
    expect(await get(`blobs/${layerDigest}`, 'HEAD')).toMatchObject({
      status: 200,
      headers: { 'content-length': String(layer.length) },
    });
    expect(registry.received.flatMap(({ method, headers }) => (method === 'GET' ? (headers.range ?? []) : []))).toEqual(
      ['bytes=0-0', 'bytes=0-0'],
    );
  });

  it('refuses a GET as well where it refuses everything', async () => {
    const { registry, get } = await open((_request, response) => response.writeHead(405).end());
    expect((await get('manifests/latest', 'HEAD')).status).toBe(403);
    expect(registry.contentRequests()).toHaveLength(2);
  });
});

describe('a part of content that was requested whole', () => {
  const part =
    (range: string): RequestListener =>
    (_request, response) =>
      response.writeHead(206, { 'content-range': range, 'content-length': 5 }).end(layer.subarray(0, 5));

  it.each([`bytes 0-4/${layer.length}`, 'bytes 0-4/5', 'bytes 0-4/*', 'bytes 5-9/10', ''])(
    'is 502, not content: %j',
    async (range) => {
      const { get } = await open(part(range));
      for (const method of ['GET', 'HEAD']) expect((await get(`blobs/${layerDigest}`, method)).status).toBe(502);
    },
  );

  it('passes where a range was requested, and a registry may ignore that', async () => {
    const { get } = await open((_request, response) => response.end(layer));
    expect(await get(`blobs/${layerDigest}`, 'GET', 'bytes=5-')).toMatchObject({ status: 200, body: layer });
    const ranged = await open(part(`bytes 0-4/${layer.length}`));
    expect((await ranged.get(`blobs/${layerDigest}`, 'GET', 'bytes=0-4')).status).toBe(206);
  });
});

describe('a header that a proxy repeats', () => {
  it('counts once', async () => {
    const { get } = await open((_request, response) => {
      for (const [name, value] of [
        ['content-type', manifestType],
        ['docker-content-digest', manifestDigest],
        ['etag', `"${manifestDigest}"`],
      ] as const)
        response.setHeader(name, [value, value]);
      response.end(manifest);
    });
    expect((await get('manifests/latest')).headers).toMatchObject({
      'content-type': manifestType,
      'docker-content-digest': manifestDigest,
      etag: `"${manifestDigest}"`,
    });
  });
});
