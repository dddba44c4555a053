// Authenticates API tokens: resolves an Authorization header to a principal (RFC 9110 §11, RFC 6750).

import { timingSafeEqual } from 'node:crypto';
import type { AccessStore, StoredToken } from '../../core/accounts/store.ts';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { hashTokenSecret, parseToken } from './token-text.ts';

export interface Access {
  readonly access: AccessStore;
  readonly now: () => Date;
  /** Called for every token that authenticates. */
  readonly onTokenUse?: ((id: string, at: Date) => void) | undefined;
}

/** The header as received: one value, or every value when it may come more than once (Node's `headersDistinct`). */
export type Authorization = string | readonly string[] | undefined;

/** Resolves a header to its principal, or undefined without a header. @throws Problem `UNAUTHENTICATED` for a header that does not authenticate. */
export type Authenticator = (authorization: Authorization) => Promise<Principal | undefined>;

/** Resolves the principal of an earlier login again, or undefined if the login has ended. */
export type ResolveLogin = (login: Login) => Promise<Principal | undefined>;

/** RFC 9110 §11.4: scheme, one or more spaces, token68. */
const credentialsPattern = /^([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)$/;

/** The subject of a principal who logged in with an API token. */
const subjectPattern = /^token:([a-z0-9]+)$/;

/** How a scheme carries the text of a token, and what a caller is told to send; names in lower case. */
const schemes = {
  bearer: { read: (credentials: string): string | undefined => credentials, advice: '"Authorization: Bearer rgw_…"' },
  basic: { read: basicPassword, advice: 'the password of HTTP Basic, under any user name' },
} as const;

/** The schemes that an API can accept. */
export type AuthenticationScheme = keyof typeof schemes;

export interface AuthenticatorOptions extends Access {
  /** Logs in with a text that is no API token: undefined when it is no good. Without it nothing else logs in. */
  readonly loginWithJwt?: ((text: string) => Promise<Principal | undefined>) | undefined;
  /** Bearer alone by default: a browser that remembers Basic sends it along with requests that another site made. */
  readonly schemes?: readonly AuthenticationScheme[];
}

/** Creates the function that authenticates every request. A revoked or expired token is rejected from the next request on. */
export function createAuthenticator({
  access,
  now,
  onTokenUse,
  loginWithJwt,
  schemes: accepted = ['bearer'],
}: AuthenticatorOptions): Authenticator {
  const what =
    loginWithJwt === undefined
      ? 'one valid API token'
      : 'one valid API token, or JWT of an issuer that this server knows,';
  const advice = accepted.map((scheme) => schemes[scheme].advice).join(' or ');
  return async (authorization) => {
    const values = typeof authorization === 'string' ? [authorization] : (authorization ?? []);
    if (values.length === 0) {
      return undefined;
    }
    const text = tokenText(values, accepted) ?? '';
    const principal = (await loginWithToken({ access, now, onTokenUse }, text)) ?? (await loginWithJwt?.(text));
    if (principal === undefined) {
      throw new Problem('UNAUTHENTICATED', `The Authorization header does not log in. Send ${what} as ${advice}.`);
    }
    return principal;
  };
}

async function loginWithToken({ access, now, onTokenUse }: Access, text: string): Promise<Principal | undefined> {
  const token = parseToken(text);
  const stored = token && (await access.usableTokenById(token.id));
  const isGood =
    token !== undefined && stored !== undefined && isHolder(stored, token.secret) && isInForce(stored, now());
  if (!isGood) return undefined;
  onTokenUse?.(stored.id, now());
  return principalOf(stored);
}

/** Returns the ID of the API token in a header, in either scheme, whether or not it authenticates; undefined if there is none. */
export function presentedTokenId(authorization: Authorization): string | undefined {
  const values = typeof authorization === 'string' ? [authorization] : (authorization ?? []);
  return parseToken(tokenText(values, ['bearer', 'basic']) ?? '')?.id;
}

/** Creates the function that resolves the login of an API token again, while the token is active: for grants and sessions that were issued for it. */
export function createTokenResolver({ access, now, onTokenUse }: Access): ResolveLogin {
  return async ({ subject }) => {
    const [, id] = subjectPattern.exec(subject) ?? [];
    const stored = id === undefined ? undefined : await access.usableTokenById(id);
    if (stored === undefined || !isInForce(stored, now())) return undefined;
    onTokenUse?.(stored.id, now());
    return principalOf(stored);
  };
}

function principalOf({ id, account, role, images, expiresAt }: StoredToken): Principal {
  return { subject: `token:${id}`, account, role, images, expiresAt };
}

function tokenText(values: readonly string[], accepted: readonly AuthenticationScheme[]): string | undefined {
  const [value = '', ...others] = values;
  const [, given = '', credentials = ''] = credentialsPattern.exec(value) ?? [];
  // RFC 9110 §11.1: the scheme is case-insensitive. §11.6.2: one header, so a second one has no meaning that both ends agree on.
  const scheme = others.length > 0 ? undefined : accepted.find((name) => name === given.toLowerCase());
  return scheme && schemes[scheme].read(credentials);
}

/** RFC 7617 §2: Base64 of `user-id:password`. The user id cannot hold a colon and means nothing here. */
function basicPassword(credentials: string): string | undefined {
  const bytes = Buffer.from(credentials, 'base64');
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  // Node's decoder skips what is no Base64; a text that does not come back the same was not one.
  return colon < 0 || bytes.toString('base64') !== credentials ? undefined : text.slice(colon + 1);
}

function isHolder(stored: StoredToken, secret: Secret): boolean {
  const hash = hashTokenSecret(secret);
  return stored.secretHash.length === hash.length && timingSafeEqual(stored.secretHash, hash);
}

function isInForce(stored: StoredToken, now: Date): boolean {
  return stored.revokedAt === null && (stored.expiresAt === null || stored.expiresAt > now);
}
