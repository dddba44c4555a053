// The requests and responses of pulls: which parts pass between client and upstream, and which do not.

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { marker } from '../../../upstream/fixtures.ts';
import { ociError, sendJson } from '../../../upstream/personalities.ts';
import { inPath, openPullEndpoint } from '../harness.ts';
import {
  digestOf,
  layer,
  layerDigest,
  manifest,
  manifestDigest,
  manifestType,
  send,
  serveContent,
  startRegistry,
} from '../registry.ts';

describe('a pull with a stored credential', () => {
  it('returns the manifest under its tag, with only the headers that describe it', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`);
    expect(answer).toMatchObject({ status: 200, body: manifest });
    expect(answer.headers).toMatchObject({
      'content-type': manifestType,
      'content-length': String(manifest.length),
      'docker-content-digest': manifestDigest,
      etag: `"${manifestDigest}"`,
      'docker-distribution-api-version': 'registry/2.0',
    });
    for (const name of ['www-authenticate', 'set-cookie', 'x-upstream'])
      expect(answer.headers).not.toHaveProperty(name);
  });

  it('requests from the upstream exactly the permission to pull this repository', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`);
    await endpoint.get(`/v2/${inPath(registry.host)}/other/app/tags/list`);
    expect(registry.tokenRequests().map(({ query }) => query.getAll('scope'))).toEqual([
      ['repository:team/app:pull'],
      ['repository:other/app:pull'],
    ]);
  });

  it.each(['basic', 'bearer'] as const)(
    'of %s sends nothing of the client upstream but what changes the content',
    async (scheme) => {
      const registry = await startRegistry({ scheme });
      const endpoint = await openPullEndpoint();
      await endpoint.add(registry.host);
      const accept = 'application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json, */*';
      const passed = { accept, 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8', 'if-none-match': '"x"' };
      const kept = {
        cookie: 'session=1',
        'x-forwarded-for': '10.0.0.1',
        forwarded: 'for=10.0.0.1',
        host: 'evil.example',
        'x-api-key': 'k',
        'proxy-authorization': 'Basic eDp5',
      };
      await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`, {
        authorization: endpoint.login,
        ...passed,
        ...kept,
      });
      const headers = registry.received.at(-1)?.headers;
      expect(Object.keys(headers ?? {}).toSorted()).toEqual([
        'accept',
        'accept-encoding',
        'authorization',
        'connection',
        'host',
        'if-none-match',
        'user-agent',
      ]);
      expect(headers).toMatchObject({ ...passed, host: registry.host, 'user-agent': 'regway' });
      expect(headers?.authorization).not.toContain(endpoint.login.slice(7));
    },
  );

  it('maps HEAD to HEAD, with length, type and digest', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`, undefined, 'HEAD');
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-length': String(manifest.length),
        'content-type': manifestType,
        'docker-content-digest': manifestDigest,
      },
    });
    expect(registry.contentRequests()).toEqual(['HEAD /v2/team/app/manifests/latest']);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'Warning'])(
    'passes no header that it does not know, though every object has a member of that name: %s',
    async (name) => {
      const registry = await startRegistry({
        content: (request, response) => send(request, response, layer, { [name]: 'x' }),
      });
      const endpoint = await openPullEndpoint();
      await endpoint.add(registry.host);
      const answer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`);
      expect(answer).toMatchObject({ status: 200, body: layer });
      expect(Object.keys(answer.headers)).not.toContain(name.toLowerCase());
    },
  );

  it('passes a range on and its answer back', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`, {
      authorization: endpoint.login,
      range: 'bytes=2-6',
    });
    expect(answer).toMatchObject({
      status: 206,
      body: layer.subarray(2, 7),
      headers: { 'content-range': `bytes 2-6/${layer.length}` },
    });
  });

  it('returns 304 to a conditional request', async () => {
    const registry = await startRegistry({
      content: (_request, response) => response.writeHead(304, { etag: '"x"' }).end(),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(
      await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`, {
        authorization: endpoint.login,
        'if-none-match': '"x"',
      }),
    ).toMatchObject({ status: 304, headers: { etag: '"x"' } });
  });

  it('fetches nothing that a manifest points to', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/${manifestDigest}`);
    expect(registry.contentRequests()).toHaveLength(1);
  });

  it('is noted as a use', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    const { id } = await endpoint.add(registry.host);
    await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`);
    expect(endpoint.domain.uses).toMatchObject([
      {
        registryId: id,
        image: `${registry.host}/team/app`,
        outcome: 'DONE',
        request: { method: 'GET', kind: 'manifests', reference: 'latest' },
      },
    ]);
  });

  it.each([
    'manifests/absent',
    `manifests/sha256:${'0'.repeat(64)}`,
    `blobs/sha256:${'0'.repeat(64)}`,
    `referrers/${manifestDigest}`,
  ])('that does not exist, %s, is no use', async (path) => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect((await endpoint.get(`/v2/${inPath(registry.host)}/team/app/${path}`)).status).toBe(404);
    expect(endpoint.domain.uses).toEqual([]);
  });
});

describe('lists', () => {
  it('pass the page that is wanted, and name the next one as this server does', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const name = `${inPath(registry.host)}/team/app`;
    const answer = await endpoint.get(`/v2/${name}/tags/list?n=1&last=a`);
    expect(registry.contentRequests()).toEqual(['GET /v2/team/app/tags/list?n=1&last=a']);
    expect(answer.headers.link).toBe(`</v2/${name}/tags/list?n=1&last=latest>; rel="next"`);
  });

  it.each([
    [
      'an absolute one with a token of its own',
      (own: string) => `<${own}/v2/team/app/tags/list?next_page=abc%3D&n=50>; rel="next"`,
      'next_page=abc%3D&n=50',
    ],
    ['one of another host', () => '<https://evil.example/v2/team/app/tags/list?n=1>; rel="next"', undefined],
    // Registries behind a path prefix, such as Artifactory, name their own path.
    ['one with another path', () => '</artifactory/v2/docker-local/team/app/tags/list?n=1>; rel="next"', 'n=1'],
    ['one without quotes', () => '</v2/team/app/tags/list?last=a%2Fb>; rel=next', 'last=a%2Fb'],
    ['one in single quotes', () => "</v2/team/app/tags/list?n=1>; rel='next'", 'n=1'],
    ['one in upper case', () => '</v2/team/app/tags/list?n=1>; REL="NEXT"', 'n=1'],
    ['one of two', () => '</v2/team/app/tags/list?n=1>; rel="first", </v2/team/app/tags/list?n=2>; rel="next"', 'n=2'],
    [
      'one before another',
      () => '</v2/team/app/tags/list?n=2>; rel="next", </v2/team/app/tags/list?n=1>; rel="first"',
      'n=2',
    ],
    ['one with two types', () => '</v2/team/app/tags/list?n=1>; rel="last next"', 'n=1'],
    [
      'one with further parameters',
      () => '</v2/team/app/tags/list?n=1>; title="a, b; c"; rel="next"; hreflang=en',
      'n=1',
    ],
    ['one of only a query', () => '<?n=1&last=b>; rel="next"', 'n=1&last=b'],
    [
      'one without a scheme',
      (own: string) => `<${own.replace('https:', '')}/v2/team/app/tags/list?n=1>; rel="next"`,
      'n=1',
    ],
    [
      'one without TLS',
      (own: string) => `<${own.replace('https:', 'http:')}/v2/team/app/tags/list?n=1>; rel="next"`,
      undefined,
    ],
    ['one of another list', () => '</v2/_catalog?n=1>; rel="next"', undefined],
    ['one without a type', () => '</v2/team/app/tags/list?n=1>', undefined],
    ['one whose title says next', () => '</v2/team/app/tags/list?n=1>; title="rel=next"; rel="prev"', undefined],
    ['one of another kind', () => '</v2/team/app/tags/list?n=1>; rel="prev"', undefined],
    ['an invalid one', () => 'next', undefined],
  ])('rewrite a link: %s', async (_case, link, expected) => {
    let own = '';
    const registry = await startRegistry({
      content: (_request, response) => sendJson(response, 200, { tags: [] }, { link: link(own) }),
    });
    own = registry.origin;
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const name = `${inPath(registry.host)}/team/app`;
    const answer = await endpoint.get(`/v2/${name}/tags/list`);
    expect(answer.headers.link).toBe(expected && `</v2/${name}/tags/list?${expected}>; rel="next"`);
  });

  it('of referrers pass their filter, and a registry without the API returns the 404 that clients fall back on', async () => {
    const registry = await startRegistry({
      content: (_request, response) =>
        response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n'),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await endpoint.get(
      `/v2/${inPath(registry.host)}/team/app/referrers/${manifestDigest}?artifactType=a%2Fb`,
    );
    expect(registry.contentRequests()).toEqual([`GET /v2/team/app/referrers/${manifestDigest}?artifactType=a%2Fb`]);
    expect(answer).toMatchObject({
      status: 404,
      code: 'MANIFEST_UNKNOWN',
      headers: { 'content-type': 'application/json' },
    });
  });

  it('of a catalog are not offered without a registry', async () => {
    const endpoint = await openPullEndpoint();
    expect(await endpoint.get('/v2/_catalog')).toMatchObject({ status: 404, code: 'UNSUPPORTED' });
  });
});

describe('an error of the upstream', () => {
  it.each([
    [
      'its own code and words',
      404,
      ociError('MANIFEST_UNKNOWN', 'no such tag'),
      { status: 404, code: 'MANIFEST_UNKNOWN' },
    ],
    ['a 404 page', 404, '<html>', { status: 404, code: 'MANIFEST_UNKNOWN' }],
    ['a refused right', 403, ociError('DENIED', 'no'), { status: 403, code: 'DENIED' }],
    ['a disabled namespace', 405, ociError('UNSUPPORTED', 'no'), { status: 403, code: 'DENIED' }],
    ['a fault', 500, ociError('UNKNOWN', 'no'), { status: 503, code: 'UNAVAILABLE' }],
    ['a pause', 503, ociError('UNAVAILABLE', 'no'), { status: 503, code: 'UNAVAILABLE' }],
    ['what the law forbids', 451, '<html>', { status: 451, code: 'DENIED' }],
    ['unpaid content', 402, '<html>', { status: 402, code: 'DENIED' }],
    ['what is gone', 410, '<html>', { status: 410, code: 'UNSUPPORTED' }],
    ['a conflict', 409, ociError('UNKNOWN', 'no'), { status: 409, code: 'UNKNOWN' }],
    ['what it does not do', 501, ociError('UNSUPPORTED', 'no'), { status: 501, code: 'UNSUPPORTED' }],
    ['that a proxy leads back to itself', 508, ociError('UNSUPPORTED', 'no'), { status: 508, code: 'UNSUPPORTED' }],
    ['a request that took too long', 408, '', { status: 503, code: 'UNAVAILABLE' }],
    [
      'a code that would make Docker prompt for a password',
      404,
      ociError('UNAUTHORIZED', 'no'),
      { status: 404, code: 'MANIFEST_UNKNOWN' },
    ],
  ])('comes as the specification says: %s', async (_case, status, body, expected) => {
    const registry = await startRegistry({ content: (_request, response) => sendJson(response, status, body) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`)).toMatchObject(expected);
  });

  it.each([
    [429, 'TOOMANYREQUESTS'],
    [503, 'UNAVAILABLE'],
  ])('that limits passes with its wait: %i', async (status, code) => {
    const registry = await startRegistry({
      content: (_request, response) => sendJson(response, status, ociError(code, 'slow down'), { 'retry-after': '17' }),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`)).toMatchObject({
      status,
      code,
      headers: { 'retry-after': '17' },
    });
  });

  it.each([
    ['bytes */38', 'bytes */38'],
    ['bytes */38, more', undefined],
  ])('to an unsatisfiable range passes its length: %s', async (sent, passed) => {
    const registry = await startRegistry({
      content: (_request, response) =>
        response.writeHead(416, { 'content-range': sent, 'set-cookie': 'a=b', 'x-other': 'c' }).end(),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const { status, headers } = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`, {
      authorization: endpoint.login,
      range: 'bytes=99-',
    });
    expect([status, headers['content-range']]).toEqual([416, passed]);
    expect(headers).not.toHaveProperty('set-cookie');
    expect(headers).not.toHaveProperty('x-other');
  });

  it.each([
    [
      'in an error',
      (response: Parameters<typeof sendJson>[0], sent: string) =>
        sendJson(response, 404, ociError('NAME_UNKNOWN', `you sent ${sent} ${marker}`)),
    ],
    [
      'in a header',
      (response: Parameters<typeof sendJson>[0], sent: string) =>
        sendJson(response, 200, {}, { etag: `"${sent}"`, warning: sent }),
    ],
    [
      'in a header, in another form',
      (response: Parameters<typeof sendJson>[0]) =>
        sendJson(response, 200, {}, { etag: `"${Buffer.from(marker).toString('hex')}"`, 'last-modified': marker }),
    ],
  ])('or answer that holds what the upstream was sent does not reach the client: %s', async (_case, echo) => {
    const registry = await startRegistry({
      scheme: 'basic',
      content: (request, response) => echo(response, request.headers.authorization?.slice(6) ?? ''),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/manifests/latest`);
    const seen = JSON.stringify([answer.headers, answer.body.toString(), endpoint.log]);
    expect(seen).not.toContain(marker);
    expect(seen).not.toContain(Buffer.from(`alice:${marker}`).toString('base64'));
    expect(seen).not.toContain(Buffer.from(marker).toString('hex'));
  });
});

describe('content', () => {
  const wrong = Buffer.from('b'.repeat(layer.length));

  it.each([
    ['a blob of the same length', 'blobs', layerDigest, { 'content-length': String(wrong.length) }],
    ['a manifest', 'manifests', manifestDigest, { 'content-type': manifestType }],
  ])('that does not have its digest ends in a broken connection: %s', async (_case, kind, digest, headers) => {
    const registry = await startRegistry({
      content: (request, response) =>
        send(
          request,
          response,
          kind === 'blobs' ? wrong : Buffer.from('{}'),
          headers.hasOwnProperty('content-length') ? headers : { ...headers, 'content-length': '2' },
        ),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    await expect(endpoint.get(`/v2/${inPath(registry.host)}/team/app/${kind}/${digest}`)).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    );
    expect(endpoint.log.join()).toContain('does not have its digest');
  });

  it.each([
    ['right', true, true],
    ['right, of unknown length', true, false],
    ['wrong in its first byte', false, true],
    ['wrong in its first byte, of unknown length', false, false],
  ])('of many megabytes is verified as well: %s', async (_case, isRight, hasLength) => {
    const sent = randomBytes(5_000_000);
    const digest = digestOf(sent);
    if (!isRight) sent[0] = (sent[0] ?? 0) ^ 1;
    const registry = await startRegistry({
      content: (_request, response) =>
        response.writeHead(200, hasLength ? { 'content-length': sent.length } : {}).end(sent),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answers = await Promise.allSettled(
      Array.from({ length: 3 }, () => endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${digest}`)),
    );
    const came = answers.map((answer) => answer.status === 'fulfilled' && answer.value.body.equals(sent));
    expect(came).toEqual([isRight, isRight, isRight]);
    expect(endpoint.log.filter((line) => line.includes('does not have its digest'))).toHaveLength(isRight ? 0 : 3);
  });

  it('that ends early does so for the client too', async () => {
    const registry = await startRegistry({
      content: (_request, response) => {
        response.writeHead(200, { 'content-length': layer.length });
        response.write(layer.subarray(0, 5), () => response.destroy());
      },
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    await expect(endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    );
  });

  it.each([
    ['by digest', `blobs/${layerDigest}`],
    ['by tag', 'manifests/latest'],
  ])('that ends before its first byte is 502: %s', async (_case, path) => {
    const registry = await startRegistry({
      content: (_request, response) => {
        response.writeHead(200, { 'content-length': layer.length }).flushHeaders();
        setTimeout(() => response.destroy(), 50);
      },
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/${path}`)).toMatchObject({
      status: 502,
      code: 'UNAVAILABLE',
    });
  });

  it('that ends early reaches the client as far as it came, so that it continues there', async () => {
    const registry = await startRegistry({
      content: (_request, response) => {
        response.writeHead(200, { 'content-length': layer.length });
        response.write(layer.subarray(0, 5), () => void setTimeout(() => response.destroy(), 50));
      },
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await fetch(`${endpoint.url}/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`, {
      headers: { authorization: endpoint.login },
    });
    const received: Uint8Array[] = [];
    const reading = async () => {
      for await (const piece of answer.body ?? []) received.push(piece);
    };
    await expect(reading()).rejects.toThrow('terminated');
    expect([answer.status, Buffer.concat(received)]).toEqual([200, layer.subarray(0, 5)]);
  });

  it('without a length is held to its digest all the same', async () => {
    const registry = await startRegistry({ content: (_request, response) => response.writeHead(200).end(wrong) });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    await expect(endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    );
  });

  it.each([
    ['gzip', true],
    ['br', true],
    ['zstd', true],
    ['deflate', true],
    ['gzip', false],
  ])('encoded in %s passes untouched and is verified decoded: right is %j', async (encoding, isRight) => {
    const zlib = await import('node:zlib');
    const encoders: Record<string, (bytes: Buffer) => Buffer> = {
      gzip: zlib.gzipSync,
      br: zlib.brotliCompressSync,
      zstd: zlib.zstdCompressSync,
      deflate: zlib.deflateSync,
    };
    const encoded = (encoders[encoding] ?? zlib.gzipSync)(isRight ? layer : wrong);
    const registry = await startRegistry({
      content: (request, response) => send(request, response, encoded, { 'content-encoding': encoding }),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`);
    if (isRight)
      expect(await answer).toMatchObject({ status: 200, body: encoded, headers: { 'content-encoding': encoding } });
    else await expect(answer).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });

  it.each(['gzip', 'x-gzip', 'br', 'zstd', 'deflate', 'gzip, gzip', 'unheard-of', 'Identity'])(
    'that has its digest as it is sent passes, for any encoding in its label: %s',
    async (encoding) => {
      const registry = await startRegistry({
        content: (request, response) => send(request, response, layer, { 'content-encoding': encoding }),
      });
      const endpoint = await openPullEndpoint();
      await endpoint.add(registry.host);
      expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).toMatchObject({
        status: 200,
        body: layer,
      });
    },
  );

  it.each(['gzip, gzip', 'unheard-of', 'gzip', 'br'])(
    'that has its digest neither as it is sent nor decoded does not pass: %s',
    async (encoding) => {
      const registry = await startRegistry({
        content: (request, response) => send(request, response, wrong, { 'content-encoding': encoding }),
      });
      const endpoint = await openPullEndpoint();
      await endpoint.add(registry.host);
      await expect(endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).rejects.toThrow(
        /aborted|hang up|ECONNRESET/,
      );
    },
  );

  it('of no bytes is right only where that is its digest', async () => {
    const empty = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const registry = await startRegistry({
      content: (_request, response) => response.writeHead(200, { 'content-length': 0 }).end(),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    expect(await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${empty}`)).toMatchObject({
      status: 200,
      headers: { 'content-length': '0', 'docker-content-digest': empty },
    });
    await expect(endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${layerDigest}`)).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    );
  });
});

it('a repository with the name of a part of the API is served', async () => {
  const registry = await startRegistry({ content: serveContent });
  const endpoint = await openPullEndpoint();
  await endpoint.add(registry.host);
  await endpoint.get(`/v2/${inPath(registry.host)}/team/manifests/manifests/latest`);
  expect(registry.contentRequests()).toEqual(['GET /v2/team/manifests/manifests/latest']);
});
