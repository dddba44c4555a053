// Authenticates pull clients, and builds the challenge for a request without credentials.
// https://distribution.github.io/distribution/spec/auth/token/

import type { IncomingMessage } from 'node:http';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import { OciError } from './errors.ts';
import { type Grants, looksLikeGrant } from './grant.ts';
import type { ContentRoute } from './routes.ts';

export interface PullClient {
  readonly principal: Principal;
  /** The images of a grant; undefined for a token, which has its own limits only. */
  readonly granted: readonly string[] | undefined;
}

export interface LoginPorts {
  /** @throws Problem `UNAUTHENTICATED` for a header that is there and no good; `RATE_LIMITED` after too many of these. */
  readonly authenticate: (
    authorization: readonly string[] | undefined,
    request: IncomingMessage,
  ) => Promise<Principal | undefined>;
  /** Resolves the principal of an earlier login again, or undefined if the login has ended. */
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
  readonly grants: Grants;
}

/** Empty name and empty password: what podman sends to a mirror for which it has no login. */
const emptyBasic = /^basic +Og==$/i;

/**
 * Whom the Authorization header speaks for: a token as Basic or Bearer, or a grant. Undefined without one. It is never sent on.
 * @throws Problem `UNAUTHENTICATED`
 */
export async function authenticatePull(ports: LoginPorts, request: IncomingMessage): Promise<PullClient | undefined> {
  const values = request.headersDistinct.authorization;
  const [value = '', ...others] = values ?? [];
  if (values === undefined || (others.length === 0 && emptyBasic.test(value))) return undefined;
  const [, bearer] = /^bearer +(\S+)$/i.exec(value) ?? [];
  if (others.length === 0 && bearer !== undefined && looksLikeGrant(bearer)) return visitorOf(ports, bearer);
  const principal = await ports.authenticate(values, request);
  return principal && { principal, granted: undefined };
}

async function visitorOf({ grants, resolveLogin }: LoginPorts, text: string): Promise<PullClient> {
  const grant = grants.read(text);
  const principal = grant && (await resolveLogin(grant.login));
  if (grant === undefined || principal === undefined)
    throw new Problem('UNAUTHENTICATED', 'This grant has ended. Fetch a new one from the token endpoint.');
  return { principal, granted: grant.images };
}

/** Where this server is, as its client sees it, and what kind of request is challenged. */
export interface Challenged {
  readonly baseUrl: string;
  readonly route: ContentRoute | undefined;
  /** RFC 6750 §3.1. */
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/** Builds the value of WWW-Authenticate, which names Regway's token endpoint. The registry is part of the service, since a scope names none when `ns` does. */
export function challengeOf({ baseUrl, route, error }: Challenged): string {
  const parts = [`realm="${baseUrl}/v2/token"`, `service="${serviceOf(route?.namespace)}"`];
  if (route !== undefined) parts.push(`scope="repository:${route.name}:pull"`);
  if (error !== undefined) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(',')}`;
}

const service = 'regway';

function serviceOf(namespace: string | undefined): string {
  return namespace === undefined ? service : `${service}/${namespace}`;
}

/** Returns the namespace that a service name contains, or undefined if there is none. */
export function namespaceInService(text: string): string | undefined {
  return text.startsWith(`${service}/`) ? text.slice(service.length + 1) : undefined;
}

/**
 * The origin to show in a challenge. A client's own Host header is shown to that client alone, and only in the form of a host.
 * @throws OciError 400 without a usable one.
 */
export function baseUrlOf(request: IncomingMessage, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl;
  const { host = '' } = request.headers;
  if (!/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/.test(host))
    throw new OciError(400, 'UNSUPPORTED', 'The Host header names no host.');
  return `${'encrypted' in request.socket ? 'https' : 'http'}://${host}`;
}
