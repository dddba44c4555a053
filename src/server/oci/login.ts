// Authenticates pull clients, and builds the challenge for a request without credentials.
// https://distribution.github.io/distribution/spec/auth/token/

import type { IncomingMessage } from 'node:http';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { createOriginOf } from '../http/proxies/origin.ts';
import { OciError } from './errors.ts';
import { type Grants, looksLikeGrant } from './grant.ts';
import type { ContentRoute } from './routes.ts';

/** The authenticated client of a pull. */
export interface PullClient {
  readonly principal: Principal;
  /** The images that a grant allows; undefined for an API token, which only has its own limits. */
  readonly granted: readonly string[] | undefined;
}

/** The ports that authenticate a pull. */
export interface LoginPorts {
  /**
   * Resolves a header to its principal, or undefined without a header.
   * @throws Problem UNAUTHENTICATED for a header that does not authenticate; RATE_LIMITED after too many of these.
   */
  readonly authenticate: (
    authorization: readonly string[] | undefined,
    request: IncomingMessage,
  ) => Promise<Principal | undefined>;
  /** Resolves the principal of an earlier login again, or undefined if the login has ended. */
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
  readonly grants: Grants;
}

/** Determines the origin at which a client reaches this server. */
export type OriginOf = ReturnType<typeof createOriginOf>;

/** An empty username and password: podman sends this to a mirror for which it has no credential. */
const emptyBasic = /^basic +Og==$/i;

/**
 * Resolves the Authorization header (an API token as Basic or Bearer, or a grant) to the client, or returns undefined without credentials. The
 * header is never sent upstream.
 * @throws Problem UNAUTHENTICATED if the header does not authenticate; RATE_LIMITED after too many of these.
 */
export async function authenticatePull(ports: LoginPorts, request: IncomingMessage): Promise<PullClient | undefined> {
  const values = request.headersDistinct.authorization;
  const [value = '', ...others] = values ?? [];
  if (values === undefined || (others.length === 0 && emptyBasic.test(value))) return undefined;
  const [, bearer] = /^bearer +(\S+)$/i.exec(value) ?? [];
  if (others.length === 0 && bearer !== undefined && looksLikeGrant(bearer)) return clientOfGrant(ports, bearer);
  const principal = await ports.authenticate(values, request);
  return principal && { principal, granted: undefined };
}

async function clientOfGrant({ grants, resolveLogin }: LoginPorts, text: string): Promise<PullClient> {
  const grant = grants.read(text);
  const principal = grant && (await resolveLogin(grant.login));
  if (grant === undefined || principal === undefined)
    throw new Problem(
      'UNAUTHENTICATED',
      'The grant is not valid or has expired. Fetch a new one from the token endpoint.',
    );
  return { principal, granted: grant.images };
}

/** The request that is challenged. */
export interface Challenged {
  /** The origin of Regway as the client sees it, without a slash at the end. */
  readonly baseUrl: string;
  /** The content it requests; undefined for `/v2/` and for a path that is not valid. */
  readonly route: ContentRoute | undefined;
  /** RFC 6750 §3.1. */
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/** The scope of a catalog in the token specification. */
export const catalogScope = 'registry:catalog:*';

/**
 * Builds the value of WWW-Authenticate, which names Regway's token endpoint. With an `ns` parameter, and for a catalog, the service contains the
 * registry, because the scope does not.
 */
export function challengeOf({ baseUrl, route, error }: Challenged): string {
  const isCatalog = route?.kind === 'catalog';
  const service = serviceOf(isCatalog ? route.host : route?.namespace);
  const parts = [`realm="${baseUrl}/v2/token"`, `service="${service}"`];
  if (route !== undefined) parts.push(`scope="${isCatalog ? catalogScope : `repository:${route.name}:pull`}"`);
  if (error !== undefined) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(',')}`;
}

const serviceName = 'regway';

function serviceOf(namespace: string | undefined): string {
  return namespace === undefined ? serviceName : `${serviceName}/${namespace}`;
}

/** Returns the namespace that a service name contains, or undefined if absent. */
export function namespaceInService(text: string): string | undefined {
  return text.startsWith(`${serviceName}/`) ? text.slice(serviceName.length + 1) : undefined;
}

/**
 * Returns the origin that a challenge names.
 * @throws OciError 400 if the Host header is not usable, or a token would be sent to this origin in the clear.
 */
export function baseUrlOf(request: IncomingMessage, originOf: OriginOf): string {
  const found = originOf(request);
  if ('origin' in found) return found.origin;
  throw new OciError(
    400,
    'UNSUPPORTED',
    found.fault === 'PLAIN'
      ? 'Regway is reached here by a name and without TLS, so a token would be sent in the clear. Its operator can name its address in REGWAY_PUBLIC_URL, or the proxy in front of it in REGWAY_TRUSTED_PROXIES.'
      : 'The Host header is not a host name or IP address.',
  );
}
