// More registries as they stand in the wild: of clouds, and behind proxies that pass less than everything. As in registries.ts, alice may pull `team/app` alone.

import type { RequestListener } from 'node:http';
import { basicHeader, jwt } from './fixtures.ts';
import { ociError, sendJson } from './personalities.ts';
import {
  bearerOf,
  challenge,
  isContentOf,
  origin,
  type Personality,
  queryOf,
  rejected,
  scoped,
  serve,
} from './registries.ts';

const pullScope = 'repository:team/app:pull';

/** Docker Hub: a token for anybody, with the rights in it; 401 for what does not exist. */
const dockerHub: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (url.startsWith('/token')) {
    const isUser = headers.authorization === basicHeader;
    if (headers.authorization !== undefined && !isUser)
      sendJson(response, 401, { details: 'incorrect username or password' });
    else {
      const actions = isUser && queryOf(request).get('scope') === pullScope ? ['pull'] : [];
      const access = actions.length === 0 ? [] : [{ type: 'repository', name: 'team/app', actions }];
      const token = jwt({ sub: isUser ? 'alice' : '', access });
      sendJson(response, 200, { token, access_token: token, expires_in: 300, issued_at: '2026-01-02T03:04:05.6Z' });
    }
    return;
  }
  const claims = Buffer.from((bearerOf(request) ?? '').split('.')[1] ?? '', 'base64url').toString();
  if (url === '/v2/' && claims.includes('"alice"')) sendJson(response, 200, {});
  else if (isContentOf('team/app', request) && claims.includes('"pull"')) serve(response);
  else
    challenge(
      response,
      `Bearer realm="${origin(request)}/token",service="registry.docker.io",error="insufficient_scope"`,
    );
};

/** GHCR: 403 to a wrong token, a scope in its challenge that is a placeholder, and opaque tokens. */
const ghcr: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (url.startsWith('/token')) {
    const scope = queryOf(request).get('scope');
    if (headers.authorization !== basicHeader) sendJson(response, 403, ociError('DENIED'));
    else if (scope !== null && scope !== pullScope) sendJson(response, 403, ociError('DENIED'));
    else sendJson(response, 200, { token: `ghcr-${scope ?? 'login'}` });
    return;
  }
  const token = bearerOf(request);
  if (token === undefined)
    challenge(response, `Bearer realm="${origin(request)}/token",service="ghcr.io",scope="repository:user/image:pull"`);
  else if (url === '/v2/') sendJson(response, 200, {});
  else if (isContentOf('team/app', request) && token === `ghcr-${pullScope}`) serve(response);
  else sendJson(response, 403, ociError('DENIED'));
};

/** ECR with the right to pull alone: Basic, and 403 for the list of tags. */
const ecr: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (headers.authorization === undefined)
    challenge(response, 'Basic realm="https://ecr.test/",service="ecr.amazonaws.com"');
  else if (headers.authorization !== basicHeader)
    sendJson(response, 401, ociError('DENIED', 'Your authorization token has expired.'));
  else if (url === '/v2/') sendJson(response, 200, {});
  else if (isContentOf('team/app', request) && !url.includes('/tags/')) serve(response);
  else sendJson(response, 403, ociError('DENIED'));
};

/** Azure with the right to pull alone: only `access_token`, and no list of tags. */
const acr: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (url.startsWith('/oauth2/token')) {
    const scope = queryOf(request).get('scope');
    const access = scope === pullScope ? [{ type: 'repository', name: 'team/app', actions: ['pull'] }] : [];
    if (headers.authorization === basicHeader) sendJson(response, 200, { access_token: jwt({ sub: 'alice', access }) });
    else sendJson(response, 401, ociError('UNAUTHORIZED'));
    return;
  }
  const claims = Buffer.from((bearerOf(request) ?? '').split('.')[1] ?? '', 'base64url').toString();
  if (url === '/v2/' && claims.includes('"alice"')) sendJson(response, 200, {});
  else if (isContentOf('team/app', request) && claims.includes('"pull"') && !url.includes('/tags/')) serve(response);
  else challenge(response, `Bearer realm="${origin(request)}/oauth2/token",service="${headers.host}"`);
};

/** A proxy that passes repositories alone, in front of a registry with tokens: its own page is at `/v2/`. */
const repositoriesAlone =
  (base: RequestListener): RequestListener =>
  (request, response) =>
    request.url === '/v2/' ? base(request, response) : ghcr(request, response);

const html = { 'content-type': 'text/html' };

export const morePersonalities: readonly Personality[] = [
  {
    name: 'Docker Hub',
    handler: dockerHub,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'jwt',
    limit: (response) => sendJson(response, 429, ociError('TOOMANYREQUESTS'), { 'ratelimit-remaining': '0;w=21600' }),
  },
  {
    name: 'GHCR',
    handler: ghcr,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: `ghcr-${pullScope}`,
    limit: (response) =>
      sendJson(response, 403, { message: 'You have exceeded a secondary rate limit.' }, { 'retry-after': '60' }),
  },
  {
    name: 'ECR without the right to list tags',
    handler: ecr,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: undefined,
    limit: (response) => sendJson(response, 400, ociError('TOOMANYREQUESTS', 'Rate exceeded')),
  },
  {
    name: 'Azure without the right to list tags',
    handler: acr,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'jwt',
    limit: (response) => sendJson(response, 429, ociError('TOOMANYREQUESTS'), { 'retry-after': '30' }),
  },
  ...(
    [
      ['404', (_request, response) => response.writeHead(404, html).end('<html>404</html>')],
      ['403', (_request, response) => response.writeHead(403, html).end('<html>403 Forbidden</html>')],
      ['401 without a challenge', (_request, response) => response.writeHead(401).end()],
      ['a web page', (_request, response) => response.writeHead(200, html).end('<html>Welcome</html>')],
    ] as readonly [string, RequestListener][]
  ).map(([name, base]) => ({
    name: `a proxy that passes repositories alone, and has ${name} at /v2/`,
    handler: repositoriesAlone(base),
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: `ghcr-${pullScope}`,
    limit: (response: Parameters<RequestListener>[1]) => void response.writeHead(429, html).end('<html>429</html>'),
  })),
];
