// A hostile registry repeats every secret that it was sent: none of them is in an answer, in a log line, or at another origin, whichever way a pull goes.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { findMarker } from '../../e2e/support/marker.ts';
import { callerOf } from '../../support/domain.ts';
import { marker, secure, type TestServer } from '../../upstream/fixtures.ts';
import { inPath, openPullEndpoint, type PullAnswer, type PullEndpoint } from './harness.ts';
import { layerDigest, manifestDigest, serveContent } from './registry.ts';

const identityToken = 'Identity-4c1W/yT6+bN0qXv';
/** Every token that a token server below issues begins so. */
const tokenMarker = 'Upstream-9dK3mPz7LwQ';

const isUser = ({ headers }: IncomingMessage) =>
  headers.authorization?.startsWith('Basic ') === true && headers.authorization.length > 8;
const tokenOf = ({ headers }: IncomingMessage) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];

/** Refuses, and repeats the secrets in every place where an answer has room for text. */
function repeat(request: IncomingMessage, response: ServerResponse, status: number, challenge?: string): void {
  const seen = `${request.headers.authorization ?? ''} ${marker} ${identityToken} ${tokenMarker}`;
  const quoted = seen.replaceAll('"', '');
  response.statusMessage = quoted;
  response.writeHead(status, {
    'content-type': 'application/json',
    'www-authenticate': `${challenge ?? 'Bearer realm="/token",service="s"'},error="${quoted}",error_description="${quoted}"`,
    'docker-content-digest': quoted,
    'retry-after': quoted,
    'content-range': quoted,
    'set-cookie': quoted,
    'x-seen': quoted,
    link: `</v2/_catalog?${quoted}>; rel="next"`,
  });
  response.end(JSON.stringify({ errors: [{ code: 'DENIED', message: seen, detail: { seen } }], error: seen }));
}

/** A registry with tokens. `content` answers requests with one of them; everything else is refused by `repeat`. */
function registryWith(content: RequestListener, options: { readonly token?: RequestListener } = {}): RequestListener {
  let issued = 0;
  return (request, response) => {
    const { url = '' } = request;
    if (url.startsWith('/token')) {
      if (options.token !== undefined) options.token(request, response);
      else if (!isUser(request)) repeat(request, response, 401);
      else response.end(JSON.stringify({ token: `${tokenMarker}-${(issued += 1)}` }));
    } else if (tokenOf(request) === undefined) repeat(request, response, 401);
    else if (url === '/v2/') response.end('{}');
    else content(request, response);
  };
}

interface Scene {
  readonly endpoint: PullEndpoint;
  readonly server: TestServer;
  /** Every path of these is requested below the registry, by GET and HEAD. */
  readonly paths: readonly string[];
  /** Servers of other origins. */
  readonly foreign?: readonly TestServer[];
}

/** Requests everything twice, so that caches are cold and then warm, and searches what left Regway. */
async function expectNoLeak({ endpoint, server, paths, foreign = [] }: Scene): Promise<PullAnswer[]> {
  const answers: PullAnswer[] = [];
  for (const round of [1, 2])
    for (const path of paths)
      for (const method of ['GET', 'HEAD'])
        answers.push(
          await endpoint.get(`/v2/${inPath(server.host)}/${path}`, undefined, method).catch(() => lost(round)),
        );
  const places = new Map<string, string>([
    ['answers', answers.map(({ headers, body }) => JSON.stringify(headers) + body.toString('latin1')).join('\n')],
    ['log', [...endpoint.log, ...endpoint.infos].join('\n')],
    ...foreign.map(({ host, received }): [string, string] => [`other origin ${host}`, JSON.stringify(received)]),
  ]);
  for (const secret of [marker, identityToken, tokenMarker]) expect(findMarker(secret, places)).toEqual([]);
  for (const { received } of foreign)
    expect(received.map(({ authorization }) => authorization).filter((value) => value !== undefined)).toEqual([]);
  expect(server.authorizations().length).toBeGreaterThan(0);
  return answers;
}

/** Stands for an answer whose connection broke. */
function lost(status: number): PullAnswer {
  return { status, headers: {}, body: Buffer.alloc(0), code: undefined };
}

async function open(handler: RequestListener, username = 'alice', password = marker): Promise<Omit<Scene, 'paths'>> {
  const server = await secure(handler);
  const endpoint = await openPullEndpoint();
  const input = { registry: server.host, username, password: new Secret(password) };
  await endpoint.domain.registries.create(callerOf('READ_WRITE'), input, { secureConnection: true, validate: false });
  return { endpoint, server };
}

const manifest = 'team/app/manifests/latest';
const everything = [
  manifest,
  `team/app/manifests/${manifestDigest}`,
  `team/app/blobs/${layerDigest}`,
  'team/app/tags/list',
  `team/app/referrers/${manifestDigest}`,
  '_catalog',
];

describe('no secret leaves', () => {
  it.each([400, 401, 403, 404, 405, 416, 429, 451, 500, 503])(
    'with an answer of HTTP %i to any request, or in its log line',
    async (status) => {
      const scene = await open(registryWith((request, response) => repeat(request, response, status)));
      const answers = await expectNoLeak({ ...scene, paths: everything });
      expect(answers.filter(({ status: sent }) => sent < 400)).toEqual([]);
      expect(scene.endpoint.log.length + scene.endpoint.infos.length).toBeGreaterThan(0);
    },
  );

  it.each([400, 401, 403, 404, 429, 500])('with an answer of HTTP %i of the token server', async (status) => {
    const token: RequestListener = (request, response) => repeat(request, response, status);
    await expectNoLeak({ ...(await open(registryWith(serveContent, { token }))), paths: everything });
  });

  it.each([301, 302, 303, 307, 308])(
    'with a redirect of the ping, the token, or the content: HTTP %i',
    async (status) => {
      const foreign = await secure((request, response) => repeat(request, response, 401, 'Basic realm="x"'));
      const redirect = (response: ServerResponse) =>
        void response.writeHead(status, { location: `https://${foreign.host}/v2/` }).end();
      const atToken = registryWith(serveContent, { token: (_request, response) => redirect(response) });
      const atContent = registryWith((_request, response) => redirect(response));
      for (const handler of [atToken, atContent])
        await expectNoLeak({ ...(await open(handler)), foreign: [foreign], paths: everything });
      const { endpoint, server } = await open((_request, response) => redirect(response));
      await endpoint.get(`/v2/${inPath(server.host)}/${manifest}`);
      expect(server.authorizations()).toEqual([]);
      expect(foreign.authorizations()).toEqual([]);
    },
  );

  it('with a redirect within the origin, which keeps the login, to one that leaves it', async () => {
    const foreign = await secure((_request, response) => response.end('{"repositories":[]}'));
    const handler = registryWith((request, response) => {
      const location = request.url?.startsWith('/v2/own/') === true ? `https://${foreign.host}/x` : '/v2/own/x';
      response.writeHead(307, { location }).end();
    });
    await expectNoLeak({ ...(await open(handler)), foreign: [foreign], paths: everything });
    expect(foreign.received.length).toBeGreaterThan(0);
  });

  it('to storage that refuses a HEAD, with the GET that follows', async () => {
    const foreign = await secure((request, response) => {
      if (request.method === 'HEAD') repeat(request, response, 403);
      else serveContent(request, response);
    });
    const handler = registryWith((request, response) => {
      response.writeHead(307, { location: `https://${foreign.host}${request.url}` }).end();
    });
    await expectNoLeak({ ...(await open(handler)), foreign: [foreign], paths: [`team/app/blobs/${layerDigest}`] });
    expect(foreign.received.map(({ method, headers }) => [method, headers.range])).toContainEqual(['GET', 'bytes=0-0']);
  });

  it('to the realm of another host that one repository names', async () => {
    const foreign = await secure((_request, response) => response.end('{"token":"x"}'));
    const handler = registryWith((request, response) => {
      if (request.url?.startsWith('/v2/bad/') !== true) serveContent(request, response);
      else repeat(request, response, 401, `Bearer realm="https://${foreign.host}/token"`);
    });
    const answers = await expectNoLeak({
      ...(await open(handler)),
      foreign: [foreign],
      paths: ['bad/app/manifests/latest', manifest],
    });
    expect(answers.map(({ status }) => status)).toContain(200);
    expect(foreign.connections()).toBe(0);
  });

  it.each(['<token>', '00000000-0000-0000-0000-000000000000'])(
    'of an identity token of %s: it goes by POST to the realm alone, and follows no redirect',
    async (username) => {
      const foreign = await secure((_request, response) => response.end('{"access_token":"x"}'));
      const bodies: string[] = [];
      const token =
        (answer: RequestListener): RequestListener =>
        (request, response) => {
          request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
          request.on('end', () => answer(request, response));
        };
      const issue = token((_request, response) => response.end(`{"access_token":"${tokenMarker}-1"}`));
      const leave = token((_request, response) =>
        response.writeHead(307, { location: `https://${foreign.host}/token` }).end(),
      );
      const refuse = token((request, response) => repeat(request, response, 401));
      for (const one of [issue, leave, refuse]) {
        const server = await secure(registryWith(serveContent, { token: one }));
        const endpoint = await openPullEndpoint();
        const input = { registry: server.host, username, password: new Secret(identityToken) };
        const settings = { secureConnection: true, validate: false };
        await endpoint.domain.registries.create(callerOf('READ_WRITE'), input, settings);
        const answers: PullAnswer[] = [];
        for (const path of everything) answers.push(await endpoint.get(`/v2/${inPath(server.host)}/${path}`));
        const places = new Map([
          ['answers', answers.map(({ headers, body }) => JSON.stringify(headers) + body.toString()).join()],
          ['log', [...endpoint.log, ...endpoint.infos].join()],
          ['addresses', server.received.map(({ url }) => url).join()],
        ]);
        for (const secret of [identityToken, tokenMarker]) expect(findMarker(secret, places)).toEqual([]);
      }
      expect(foreign.connections()).toBe(0);
      expect(bodies.join()).toContain(encodeURIComponent(identityToken));
    },
  );

  it('with the token that replaces a cached one', async () => {
    let revoked = '';
    const handler = registryWith((request, response) => {
      if (tokenOf(request) === revoked) repeat(request, response, 401);
      else serveContent(request, response);
    });
    const scene = await open(handler);
    const get = () => scene.endpoint.get(`/v2/${inPath(scene.server.host)}/${manifest}`);
    expect((await get()).status).toBe(200);
    revoked = `${tokenMarker}-1`;
    expect((await get()).status).toBe(200);
    revoked = `${tokenMarker}-2`;
    await expectNoLeak({ ...scene, paths: everything });
    expect(scene.server.authorizations()).toEqual(
      expect.arrayContaining([`Bearer ${tokenMarker}-1`, `Bearer ${tokenMarker}-2`]),
    );
  });

  it('with the request that is repeated when a reused connection ends', async () => {
    let closes = false;
    const handler = registryWith((request, response) => {
      closes = !closes;
      if (closes) serveContent(request, response);
      else request.socket.destroy();
    });
    await expectNoLeak({ ...(await open(handler)), paths: everything });
  });

  it('with a write, which no registry is told of', async () => {
    const { endpoint, server } = await open(registryWith(serveContent));
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      expect(
        await endpoint.get(`/v2/${inPath(server.host)}/team/app/blobs/uploads/`, undefined, method, marker),
      ).toMatchObject({ status: 405 });
    expect(server.received).toEqual([]);
    expect(findMarker(marker, new Map([['log', [...endpoint.log, ...endpoint.infos].join()]]))).toEqual([]);
  });
});
