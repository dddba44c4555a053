// Request handlers that behave like the registries and token servers that exist.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { basicHeader, jwt } from './fixtures.ts';

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string | string[]> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function ociError(code: string, message = 'no'): unknown {
  return { errors: [{ code, message }] };
}

/** docker-registry with htpasswd. */
export const basicRegistry: RequestListener = (request, response) => {
  if (request.headers.authorization === basicHeader) sendJson(response, 200, {});
  else
    sendJson(response, 401, ociError('UNAUTHORIZED', 'authentication required'), {
      'www-authenticate': 'Basic realm="Registry Realm"',
    });
};

/** /v2/ is open to all clients. */
export const openRegistry: RequestListener = (_request, response) =>
  sendJson(response, 200, {}, { 'docker-distribution-api-version': 'registry/2.0' });

export interface BearerOptions {
  /** Realm of the challenge; default: `/token` of the same origin. */
  readonly realm?: () => string;
  readonly service?: string;
  /** The token of anonymous clients: none, one that /v2/ rejects, or one that it accepts. */
  readonly anonymous?: 'REFUSED' | 'WEAK_TOKEN' | 'FULL_TOKEN';
  /** Whether tokens are JWTs that name their user. */
  readonly named?: boolean;
  /** The subject in the JWTs of anonymous clients. Defaults to none. Gitea names a ghost. */
  readonly anonymousSubject?: string;
  /** Status of everything in a repository with the user's token. */
  readonly repositoryStatus?: number;
  /** Whether anonymous tokens open repositories too. */
  readonly publicRepositories?: boolean;
}

interface BearerServer {
  readonly registry: RequestListener;
  readonly tokenServer: RequestListener;
  /** Both on one origin. */
  readonly both: RequestListener;
}

/** A registry with token authentication, and its token server. */
export function bearerServer(options: BearerOptions = {}): BearerServer {
  const { service = 'test-service', anonymous = 'REFUSED', named = false } = options;
  const userToken = named ? jwt({ sub: 'alice' }) : 'user-token';
  const anonymousToken = named ? jwt({ sub: options.anonymousSubject ?? '' }) : 'anonymous-token';
  const tokenServer: RequestListener = (request, response) => {
    if (request.headers.authorization === basicHeader) sendJson(response, 200, { token: userToken, expires_in: 300 });
    else if (request.headers.authorization === undefined && anonymous !== 'REFUSED')
      sendJson(response, 200, { access_token: anonymousToken });
    else sendJson(response, 401, ociError('UNAUTHORIZED', 'incorrect username or password'));
  };
  const registry: RequestListener = (request, response) => {
    const isRepository = request.url !== '/v2/';
    const isUser = request.headers.authorization === `Bearer ${userToken}`;
    const isAnonymous = request.headers.authorization === `Bearer ${anonymousToken}`;
    const isAnonymousWelcome = isRepository ? options.publicRepositories === true : anonymous === 'FULL_TOKEN';
    const status = isUser && isRepository ? (options.repositoryStatus ?? 200) : 200;
    if (isUser || (isAnonymous && isAnonymousWelcome))
      sendJson(response, status, status === 200 ? {} : ociError('DENIED'));
    else
      sendJson(response, 401, ociError('UNAUTHORIZED'), {
        'www-authenticate': `Bearer realm="${options.realm?.() ?? realmOf(request)}",service="${service}"`,
      });
  };
  return {
    registry,
    tokenServer,
    both: (request, response) => ((request.url ?? '').startsWith('/token') ? tokenServer : registry)(request, response),
  };
}

function realmOf(request: IncomingMessage): string {
  return `${'encrypted' in request.socket ? 'https' : 'http'}://${request.headers.host}/token`;
}
