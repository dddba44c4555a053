// Imitates registries of the field, each with its own login and rejections. All of them allow alice to pull `team/app`, and no one `other/app`.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { basicHeader, jwt, marker } from './fixtures.ts';
import { ociError, sendJson } from './personalities.ts';

/** A registry, and what Regway is to find out about it. */
export interface Personality {
  readonly name: string;
  readonly handler: RequestListener;
  /** The outcomes of validations with `team/app` and with `other/app`. */
  readonly checks: { readonly allowed: string; readonly forbidden: string };
  /** The result of a pull of `other/app`. */
  readonly forbiddenPull: string;
  /** The results of a validation and a pull with a wrong password. */
  readonly wrong: { readonly check: string; readonly pull: string };
  /** The upstream token of `team/app`, or undefined if the registry issues none. */
  readonly token: string | undefined;
  /** Answers a request with a credential as the product does after too many of them. */
  readonly limit: (response: ServerResponse) => void;
}

export const isContentOf = (repository: string, { url = '' }: IncomingMessage) => url.startsWith(`/v2/${repository}/`);

export function serve(response: ServerResponse): void {
  sendJson(response, 200, { tags: ['latest'] });
}

export function challenge(response: ServerResponse, value: string | string[], code = 'UNAUTHORIZED'): void {
  sendJson(response, 401, ociError(code), { 'www-authenticate': value });
}

export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  return new URL(url, 'https://r.test').searchParams;
}

export function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
}

export const origin = ({ headers }: IncomingMessage) => `https://${headers.host}`;

/** docker-registry behind nginx with an htpasswd file for each path: `/v2/` knows other users than `/v2/team/`. */
const nginxWithPasswordPerPath: RequestListener = (request, response) => {
  if (isContentOf('team/app', request) && request.headers.authorization === basicHeader) serve(response);
  else response.writeHead(401, { 'www-authenticate': 'Basic realm="Registry' }).end('<html>401 Authorization Required');
};

/** Harbor: a token with any scope for every client, and Basic in the response to any request with an Authorization. */
const harbor: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (url.startsWith('/service/token')) {
    const isUser = headers.authorization === basicHeader;
    const scope = queryOf(request).get('scope');
    if (headers.authorization !== undefined && !isUser && scope === null)
      sendJson(response, 401, ociError('UNAUTHORIZED'));
    else {
      const actions = isUser && scope === 'repository:team/app:pull' ? ['pull'] : [];
      const access = scope === null ? [] : [{ type: 'repository', name: scope.split(':')[1], actions }];
      sendJson(response, 200, { token: jwt({ sub: isUser ? 'alice' : '', access }), expires_in: 1800 });
    }
    return;
  }
  const token = bearerOf(request) ?? '';
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  if (url === '/v2/' && claims.includes('"alice"')) sendJson(response, 200, {});
  else if (isContentOf('team/app', request) && claims.includes('"pull"')) serve(response);
  else if (headers.authorization !== undefined) challenge(response, 'Basic realm="harbor"');
  else challenge(response, `Bearer realm="${origin(request)}/service/token",service="harbor-registry"`);
};

/** Nexus: a token server for each hosted repository, whose service is its own URL. */
const nexus: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  const [, own] = /^\/repository\/([^/]+)\/v2\/token/.exec(url) ?? [];
  if (own !== undefined) {
    if (headers.authorization === basicHeader) sendJson(response, 200, { token: `DockerToken.${own}` });
    else sendJson(response, 401, ociError('UNAUTHORIZED'));
    return;
  }
  const [, name = 'group'] = /^\/v2\/(team|other)\//.exec(url) ?? [];
  const realm = `${origin(request)}/repository/${name}/v2/token`;
  if (bearerOf(request) !== `DockerToken.${name}`) challenge(response, `Bearer realm="${realm}",service="${realm}"`);
  else if (url === '/v2/') sendJson(response, 200, {});
  else if (isContentOf('team/app', request)) serve(response);
  else sendJson(response, 403, ociError('DENIED'));
};

/** GitLab: the token server refuses a scope that the user may not have, with 403. */
const gitlab: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (url.startsWith('/jwt/auth')) {
    const scope = queryOf(request).get('scope');
    if (headers.authorization !== basicHeader)
      sendJson(response, headers.authorization === undefined ? 403 : 401, ociError('DENIED'));
    else if (scope !== null && scope !== 'repository:team/app:pull') sendJson(response, 403, ociError('DENIED'));
    else sendJson(response, 200, { token: `gitlab-${scope ?? 'login'}` });
    return;
  }
  const token = bearerOf(request);
  if (token === undefined)
    challenge(response, `Bearer realm="${origin(request)}/jwt/auth",service="container_registry"`);
  else if (url === '/v2/') sendJson(response, 200, {});
  else if (isContentOf('team/app', request) && token === 'gitlab-repository:team/app:pull') serve(response);
  else
    challenge(
      response,
      `Bearer realm="${origin(request)}/jwt/auth",service="container_registry",error="insufficient_scope"`,
    );
};

/** Artifactory: its API is at another path of the same host, behind a redirect that requires the login again. */
const artifactory: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  if (!url.startsWith('/artifactory/')) {
    response.writeHead(307, { location: `/artifactory/api/docker${url}` }).end();
    return;
  }
  const path = url.slice('/artifactory/api/docker'.length);
  if (path.startsWith('/v2/token')) {
    if (headers.authorization === basicHeader)
      sendJson(response, 200, { token: 'artifactory-token', expires_in: 3600 });
    else sendJson(response, 401, { errors: [{ status: 401, message: 'Bad credentials' }] });
  } else if (bearerOf(request) !== 'artifactory-token')
    challenge(response, `Bearer realm="${origin(request)}/v2/token",service="${headers.host}"`);
  else if (path === '/v2/') sendJson(response, 200, {});
  else if (path.startsWith('/v2/team/app/')) serve(response);
  else sendJson(response, 403, ociError('DENIED'));
};

/** Whether the tokens of ECR Public that are out have ended; it answers them with 400 and no challenge. */
export const ecrPublicClock = { generation: 1 };
const ecrPublic: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  const { generation } = ecrPublicClock;
  if (url.startsWith('/token/')) {
    if (headers.authorization === basicHeader)
      sendJson(response, 200, { token: `ecr-${generation}`, expires_in: 43_200 });
    else if (headers.authorization === undefined) sendJson(response, 200, { token: 'ecr-anonymous' });
    else sendJson(response, 401, ociError('DENIED'));
    return;
  }
  const token = bearerOf(request);
  if (token === undefined)
    challenge(response, `Bearer realm="${origin(request)}/token/",service="public.ecr.aws",scope="aws"`);
  else if (token === 'ecr-anonymous') sendJson(response, 403, ociError('DENIED'));
  else if (token !== `ecr-${generation}`)
    sendJson(response, 400, ociError('DENIED', 'Your authorization token has expired.'));
  else if (url === '/v2/') sendJson(response, 200, {});
  else if (isContentOf('team/app', request)) serve(response);
  else sendJson(response, 403, ociError('DENIED'));
};

/** Quay: its challenge is also in an open `/v2/`, and tokens have no stated lifetime. */
const quay: RequestListener = (request, response) => {
  const { url = '', headers } = request;
  const asks = `Bearer realm="${origin(request)}/v2/auth",service="quay.test"`;
  if (url.startsWith('/v2/auth')) {
    const scope = queryOf(request).get('scope');
    const granted = scope === 'repository:team/app:pull';
    if (headers.authorization === basicHeader) sendJson(response, 200, { token: `quay-${granted ? 'pull' : 'login'}` });
    else sendJson(response, 401, { error: 'Invalid username or password' });
    return;
  }
  const token = bearerOf(request);
  if (url === '/v2/')
    sendJson(response, 200, true, { 'www-authenticate': asks, 'docker-distribution-api-version': 'registry/2.0' });
  else if (isContentOf('team/app', request) && token === 'quay-pull') serve(response);
  else challenge(response, `${asks},scope="repository:team/app:pull"`);
};

export const scoped = { allowed: 'VALID', forbidden: 'INSUFFICIENT_SCOPE' };
export const rejected = { check: 'INVALID_CREDENTIALS', pull: 'INVALID_CREDENTIALS' };

const html = { 'content-type': 'text/html' };

export const personalities: readonly Personality[] = [
  {
    name: 'docker-registry behind nginx with a password for each path',
    handler: nginxWithPasswordPerPath,
    checks: { allowed: 'VALID', forbidden: 'INVALID_CREDENTIALS' },
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: undefined,
    // `limit_req_status 429`, with nginx's own page.
    limit: (response) => response.writeHead(429, html).end('<html>429 Too Many Requests</html>'),
  },
  {
    name: 'Harbor',
    handler: harbor,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'jwt',
    limit: (response) => sendJson(response, 429, ociError('TOOMANYREQUESTS', 'http status code: 429')),
  },
  {
    name: 'Nexus',
    handler: nexus,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'DockerToken.team',
    // Its repositories of type proxy pass what Docker Hub says, in the status of the token.
    limit: (response) => sendJson(response, 401, ociError('TOOMANYREQUESTS', 'You have reached your pull rate limit.')),
  },
  {
    name: 'GitLab',
    handler: gitlab,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'gitlab-repository:team/app:pull',
    // Rack::Attack.
    limit: (response) =>
      response.writeHead(429, { 'content-type': 'text/plain', 'retry-after': '60' }).end('Retry later\n'),
  },
  {
    name: 'Artifactory',
    handler: artifactory,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'artifactory-token',
    limit: (response) => sendJson(response, 429, { errors: [{ status: 429, message: 'Too many requests' }] }),
  },
  {
    name: 'ECR Public',
    handler: ecrPublic,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'ecr-1',
    limit: (response) => sendJson(response, 429, ociError('TOOMANYREQUESTS', 'Rate exceeded')),
  },
  {
    name: 'Quay',
    handler: quay,
    checks: scoped,
    forbiddenPull: 'INSUFFICIENT_SCOPE',
    wrong: rejected,
    token: 'quay-pull',
    limit: (response) => response.writeHead(429, html).end('<html>429</html>'),
  },
];

/** The password must never be in what a registry is asked for. */
export function showsPassword(url: string): boolean {
  return url.includes(marker) || url.includes(encodeURIComponent(marker));
}
