// Serves the token endpoint: accepts an API token in every form in which clients send a password, and returns a grant for the requested scopes that are allowed.
// https://distribution.github.io/distribution/spec/auth/token/ and https://distribution.github.io/distribution/spec/auth/oauth/

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../core/authz/principal.ts';
import type { Pulls } from '../../core/pulls/pull.ts';
import { Problem } from '../../core/shared/problem.ts';
import { BodyError, readForm } from '../http/body.ts';
import { sendJson } from '../http/response.ts';
import { OciError } from './errors.ts';
import { authenticatePull, type LoginPorts, namespaceInService } from './login.ts';
import { canonicalNamespace, resolveName } from './routes.ts';

export interface TokenEndpointPorts extends LoginPorts {
  readonly pulls: Pick<Pulls, 'permits'>;
  readonly defaultUpstream: string | undefined;
  readonly now: () => Date;
}

/** A form with a token and a few scopes is below 2 KiB. */
const maxFormBytes = 16 * 1024;

/** Clients ask for one repository, or two when they mount a layer. */
const maxScopes = 16;

/** Answers a request for a grant. @throws OciError, Problem */
export async function answerTokenRequest(
  ports: TokenEndpointPorts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  if (method !== 'GET' && method !== 'POST')
    throw new OciError(405, 'UNSUPPORTED', 'The token endpoint takes GET and POST.', { Allow: 'GET, POST' });
  const query = new URLSearchParams(url.split('?').slice(1).join('?'));
  const wish = method === 'GET' ? query : await readBody(request);
  const principal =
    method === 'GET' ? await principalOfHeader(ports, request) : await principalOfForm(ports, wish, request);
  if (principal === undefined)
    throw new Problem(
      'UNAUTHENTICATED',
      'Log in with an API token of this server as the password, under any user name.',
    );
  const { token, lifetimeSeconds } = ports.grants.issue(principal, permitted(ports, principal, wish));
  const common = { access_token: token, expires_in: lifetimeSeconds, issued_at: ports.now().toISOString() };
  sendJson(response, 200, method === 'GET' ? { token, ...common } : { token, ...common, token_type: 'Bearer' });
}

/** The wished repositories that the principal may pull; the specification wants the rest left out, not refused. */
function permitted(
  { pulls, defaultUpstream }: TokenEndpointPorts,
  principal: Principal,
  wish: URLSearchParams,
): string[] {
  const given = namespaceInService(wish.get('service') ?? '');
  const namespace = given === undefined ? undefined : canonicalNamespace(given);
  const scopes = wish
    .getAll('scope')
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '')
    .slice(0, maxScopes);
  const images = scopes
    .flatMap((scope) => imageOf(scope, namespace, defaultUpstream) ?? [])
    .filter((image) => pulls.permits(principal, image));
  return [...new Set(images.map(({ host, repository }) => `${host}/${repository}`))];
}

/** `repository:<name>:<actions>`; the type ends at the first colon and the actions begin after the last. */
function imageOf(
  scope: string,
  namespace: string | undefined,
  defaultUpstream: string | undefined,
): { host: string; repository: string } | undefined {
  const [, name, actions = ''] = /^repository:([a-z0-9._/-]+):([a-z,*]+)$/.exec(scope) ?? [];
  if (name === undefined || !actions.split(',').includes('pull')) return undefined;
  try {
    return resolveName(name, namespace, defaultUpstream);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** An API token alone: a grant that fetched another would live for ever, and for more than it was given for. */
async function principalOfHeader(ports: TokenEndpointPorts, request: IncomingMessage): Promise<Principal | undefined> {
  const visitor = await authenticatePull(ports, request);
  return visitor?.granted === undefined ? visitor?.principal : undefined;
}

/** OAuth's password grant, or its refresh token, which is the API token itself. */
async function principalOfForm(
  { authenticate }: TokenEndpointPorts,
  form: URLSearchParams,
  request: IncomingMessage,
): Promise<Principal | undefined> {
  const type = form.get('grant_type');
  if (type !== 'password' && type !== 'refresh_token')
    throw new OciError(400, 'UNSUPPORTED', 'grant_type is password or refresh_token.');
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
    ? new OciError(413, 'UNSUPPORTED', `The form is larger than ${maxFormBytes} bytes.`)
    : new OciError(415, 'UNSUPPORTED', 'Send a form: application/x-www-form-urlencoded.');
}
