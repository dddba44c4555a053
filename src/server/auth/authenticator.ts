// Authenticates API tokens: resolves an Authorization header to a principal (RFC 9110 §11, RFC 6750).

import { timingSafeEqual } from 'node:crypto';
import type { AccessStore, StoredToken } from '../../core/accounts/store.ts';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { hashTokenSecret, parseToken } from './token-text.ts';

/** The ports that authenticate API tokens. */
export interface Access {
  readonly access: AccessStore;
  readonly now: () => Date;
  /** Called for every token that authenticates. */
  readonly onTokenUse?: ((id: string, at: Date) => void) | undefined;
}

/** The header as received: one value, or every value when it may come more than once (Node's `headersDistinct`). */
export type Authorization = string | readonly string[] | undefined;

/** Resolves a header to its principal, or undefined without a header. @throws Problem `UNAUTHENTICATED` if the header does not authenticate. */
export type Authenticator = (authorization: Authorization) => Promise<Principal | undefined>;

/** Resolves the principal of an earlier login again, or undefined if the login has ended. */
export type ResolveLogin = (login: Login) => Promise<Principal | undefined>;

/** RFC 9110 §11.4: scheme, one or more spaces, token68. */
const credentialsPattern = /^([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)$/;

/** The subject of a principal who authenticated with an API token. */
const subjectPattern = /^token:([a-z0-9]+)$/;

/** By scheme, in lower case: the function that reads the token value, and the advice in the error. */
const schemes = {
  bearer: { read: (credentials: string): string | undefined => credentials, advice: '"Authorization: Bearer rgw_…"' },
  basic: { read: basicPassword, advice: 'the password of HTTP Basic, with any username' },
} as const;

/** The schemes that an API can accept. */
export type AuthenticationScheme = keyof typeof schemes;

/** The ports of an authenticator, and what it accepts. */
export interface AuthenticatorOptions extends Access {
  /** Resolves a text that is not an API token, or returns undefined if it does not authenticate. If omitted, only API tokens authenticate. */
  readonly loginWithJwt?: ((text: string) => Promise<Principal | undefined>) | undefined;
  /** Defaults to Bearer only: a browser that remembers Basic adds it to requests that another site started. */
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
  const expected =
    loginWithJwt === undefined ? 'one valid API token' : 'one valid API token, or one JWT of a trusted issuer,';
  const advice = accepted.map((scheme) => schemes[scheme].advice).join(' or ');
  return async (authorization) => {
    const values = typeof authorization === 'string' ? [authorization] : (authorization ?? []);
    if (values.length === 0) {
      return undefined;
    }
    const text = tokenText(values, accepted) ?? '';
    const principal = (await loginWithToken({ access, now, onTokenUse }, text)) ?? (await loginWithJwt?.(text));
    if (principal === undefined) {
      throw new Problem(
        'UNAUTHENTICATED',
        `The Authorization header does not authenticate. Send ${expected} as ${advice}.`,
      );
    }
    return principal;
  };
}

async function loginWithToken({ access, now, onTokenUse }: Access, text: string): Promise<Principal | undefined> {
  const token = parseToken(text);
  const stored = token && (await access.usableTokenById(token.id));
  const isValid =
    token !== undefined && stored !== undefined && isHolder(stored, token.secret) && isActive(stored, now());
  if (!isValid) return undefined;
  onTokenUse?.(stored.id, now());
  return principalOf(stored);
}

/** Returns the ID of the API token in a header, in either scheme, whether or not it authenticates; undefined if absent. */
export function presentedTokenId(authorization: Authorization): string | undefined {
  const values = typeof authorization === 'string' ? [authorization] : (authorization ?? []);
  return parseToken(tokenText(values, ['bearer', 'basic']) ?? '')?.id;
}

/** Creates the function that resolves the login of an API token again while the token is active, for the grants and sessions that were issued for it. */
export function createTokenResolver({ access, now, onTokenUse }: Access): ResolveLogin {
  return async ({ subject }) => {
    const [, id] = subjectPattern.exec(subject) ?? [];
    const stored = id === undefined ? undefined : await access.usableTokenById(id);
    if (stored === undefined || !isActive(stored, now())) return undefined;
    onTokenUse?.(stored.id, now());
    return principalOf(stored);
  };
}

function principalOf({ id, account, role, images, expiresAt }: StoredToken): Principal {
  return { subject: `token:${id}`, account, role, images, expiresAt };
}

function tokenText(values: readonly string[], accepted: readonly AuthenticationScheme[]): string | undefined {
  const [value = '', ...others] = values;
  const [, schemeName = '', credentials = ''] = credentialsPattern.exec(value) ?? [];
  // RFC 9110 §11.1: the scheme is case-insensitive. §11.6.2: one header, so a second one is ambiguous.
  const scheme = others.length > 0 ? undefined : accepted.find((name) => name === schemeName.toLowerCase());
  return scheme && schemes[scheme].read(credentials);
}

/** Returns the password in Base64 of `user-id:password` (RFC 7617 §2), or undefined. The user ID cannot contain a colon and is ignored. */
function basicPassword(credentials: string): string | undefined {
  const bytes = Buffer.from(credentials, 'base64');
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  // Node's decoder skips characters that are not Base64, so only a text that encodes to the same again is valid.
  return colon < 0 || bytes.toString('base64') !== credentials ? undefined : text.slice(colon + 1);
}

function isHolder(stored: StoredToken, secret: Secret): boolean {
  const hash = hashTokenSecret(secret);
  return stored.secretHash.length === hash.length && timingSafeEqual(stored.secretHash, hash);
}

function isActive(stored: StoredToken, now: Date): boolean {
  return stored.revokedAt === null && (stored.expiresAt === null || stored.expiresAt > now);
}
