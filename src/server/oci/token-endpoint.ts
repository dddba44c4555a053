// Serves the token endpoint: accepts an API token in every form in which clients send a password, and returns a grant for the allowed ones of
// the requested scopes.
// https://distribution.github.io/distribution/spec/auth/token/ and https://distribution.github.io/distribution/spec/auth/oauth/

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../core/authz/principal.ts';
import type { Pulls } from '../../core/pulls/pull.ts';
import { nameOf, type PulledName } from '../../core/registry/match.ts';
import { Problem } from '../../core/shared/problem.ts';
import { BodyError, readForm } from '../http/body.ts';
import { sendJson } from '../http/response.ts';
import { OciError } from './errors.ts';
import { authenticatePull, catalogScope, type LoginPorts, namespaceInService } from './login.ts';
import { canonicalNamespace, resolveName } from './routes.ts';

/** The ports and settings of the token endpoint. */
export interface TokenEndpointPorts extends LoginPorts {
  readonly pulls: Pick<Pulls, 'permits'>;
  readonly defaultUpstream: string | undefined;
  readonly now: () => Date;
}

/** A form with a token and a few scopes is below 2 KiB; 16 KiB bounds a hostile one. */
const maxFormBytes = 16 * 1024;

/** Further scopes are ignored. Clients request one repository, or two to mount a layer. */
const maxScopes = 16;

/** Answers a request for a grant. @throws OciError 400, 405, 413, or 415 for a request that is not valid; Problem UNAUTHENTICATED or RATE_LIMITED. */
export async function answerTokenRequest(
  ports: TokenEndpointPorts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  if (method !== 'GET' && method !== 'POST')
    throw new OciError(405, 'UNSUPPORTED', 'The token endpoint supports GET and POST.', { Allow: 'GET, POST' });
  const query = new URLSearchParams(url.split('?').slice(1).join('?'));
  const parameters = method === 'GET' ? query : await readBody(request);
  const principal =
    method === 'GET' ? await principalOfHeader(ports, request) : await principalOfForm(ports, parameters, request);
  if (principal === undefined)
    throw new Problem(
      'UNAUTHENTICATED',
      'Authentication required. Log in with a Regway API token as the password, and any username.',
    );
  const { token, lifetimeSeconds } = ports.grants.issue(principal, permitted(ports, principal, parameters));
  const common = { access_token: token, expires_in: lifetimeSeconds, issued_at: ports.now().toISOString() };
  sendJson(response, 200, method === 'GET' ? { token, ...common } : { token, ...common, token_type: 'Bearer' });
}

/** Returns the requested repositories and catalogs that the principal may pull. The specification requires the others to be omitted, not rejected. */
function permitted(
  { pulls, defaultUpstream }: TokenEndpointPorts,
  principal: Principal,
  parameters: URLSearchParams,
): string[] {
  const serviceNamespace = namespaceInService(parameters.get('service') ?? '');
  const namespace = serviceNamespace === undefined ? undefined : canonicalNamespace(serviceNamespace);
  const scopes = parameters
    .getAll('scope')
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '')
    .slice(0, maxScopes);
  const images = scopes
    .flatMap((scope) => imageOf(scope, namespace, defaultUpstream) ?? [])
    .filter((image) => pulls.permits(principal, image));
  return [...new Set(images.map(nameOf))];
}

/**
 * Parses `repository:<name>:<actions>`, or the scope of the catalog, whose host is in the service. Returns undefined for any other scope, and for
 * one without the action `pull`.
 */
function imageOf(
  scope: string,
  namespace: string | undefined,
  defaultUpstream: string | undefined,
): PulledName | undefined {
  if (scope === catalogScope) {
    const host = namespace ?? defaultUpstream;
    return host === undefined ? undefined : { host, repository: null };
  }
  const [, name, actions = ''] = /^repository:([a-z0-9._/-]+):([a-z,*]+)$/.exec(scope) ?? [];
  if (name === undefined || !actions.split(',').includes('pull')) return undefined;
  try {
    return resolveName(name, namespace, defaultUpstream);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** Accepts only an API token: a grant that could fetch another would never expire, and would allow more than it was issued for. */
async function principalOfHeader(ports: TokenEndpointPorts, request: IncomingMessage): Promise<Principal | undefined> {
  const client = await authenticatePull(ports, request);
  return client?.granted === undefined ? client?.principal : undefined;
}

/** Accepts the password grant of OAuth 2.0 (RFC 6749 §4.3), or a refresh token (§6), which is the API token itself. */
async function principalOfForm(
  { authenticate }: TokenEndpointPorts,
  form: URLSearchParams,
  request: IncomingMessage,
): Promise<Principal | undefined> {
  const type = form.get('grant_type');
  if (type !== 'password' && type !== 'refresh_token')
    throw new OciError(400, 'UNSUPPORTED', 'grant_type must be password or refresh_token.');
  const token = form.get(type) ?? '';
  return token === '' ? undefined : authenticate([`Bearer ${token}`], request);
}

async function readBody(request: IncomingMessage): Promise<URLSearchParams> {
  try {
    return await readForm(request, maxFormBytes);
  } catch (error) {
    throw error instanceof BodyError ? bodyError(error) : error;
  }
}

function bodyError({ kind }: BodyError): OciError {
  return kind === 'SIZE'
    ? new OciError(413, 'UNSUPPORTED', `The form must be at most ${maxFormBytes} bytes.`)
    : new OciError(
        415,
        'UNSUPPORTED',
        'The body must be application/x-www-form-urlencoded, without a Content-Encoding.',
      );
}
