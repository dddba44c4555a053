// Authenticates JWTs of trusted issuers (RFC 7519, RFC 9068, OpenID Connect Core §3.1.3.7) by the best practices of RFC 8725.

import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Login, Principal } from '../../../core/authz/principal.ts';
import { codeOf } from '../../../core/shared/fault.ts';
import { isRecord, parseJson } from '../../../core/shared/json.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { type Claims, granteeOf } from './claims.ts';
import type { Issuer, IssuerLog } from './issuer.ts';
import type { IssuerSettings } from './settings.ts';
import { NothingCached } from './swr-cache.ts';

/** Authenticates the JWTs of all issuers. */
export interface JwtLogins {
  /**
   * Resolves a bearer token to its principal, or returns undefined if it is not valid.
   * @throws Problem `UNAUTHENTICATED` with a reason: `NO_ACCOUNT_OR_ROLE` if the token is valid but grants no account and role,
   * `ISSUER_UNAVAILABLE` if the keys of its issuer cannot be fetched.
   */
  readonly login: (text: string) => Promise<Principal | undefined>;
  /** Resolves an ID token that this issuer issued to its client, like `login`. */
  readonly loginById: (issuer: Issuer, idToken: string) => Promise<Principal | undefined>;
  /**
   * Resolves the principal of an earlier login again, or undefined if its token has expired, its account no longer exists, or its issuer is no longer
   * trusted.
   */
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
}

/** The issuers and ports of the authentication. */
export interface JwtLoginOptions {
  readonly issuers: readonly Issuer[];
  /** Returns whether an account exists and is not disabled. */
  readonly accountExists: (name: string) => Promise<boolean>;
  readonly now: () => Date;
  readonly log: IssuerLog;
}

/** In characters. Tokens with many groups have several KiB, and all headers of a request at most 16 KiB. */
const maxTokenLength = 12 * 1024;
/** In seconds. Regway cannot revoke a JWT, so one that is valid for longer than a day is rejected. */
const maxTokenLifetimeSeconds = 24 * 60 * 60;
/** OpenID Connect Core §2: `sub` is at most 255 ASCII characters. */
const subjectPattern = /^[\x20-\x7e]{1,255}$/;

/** The compact serialization (RFC 7515 §7.1). */
const compactPattern = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Whether a text has the form of a JWT: API tokens have no dots. */
function looksLikeJwt(text: string): boolean {
  return text.length <= maxTokenLength && compactPattern.test(text);
}

/** The requirements for one kind of token. */
type Requirements = Pick<IssuerSettings, 'audience' | 'tokenType'>;

/** Creates the authentication of JWTs. Fetches the keys of an issuer when the first of its tokens arrives. */
export function createJwtLogins(options: JwtLoginOptions): JwtLogins {
  const { issuers, accountExists, now } = options;
  const principalOf = async (
    issuer: Issuer,
    text: string,
    requirements: Requirements,
  ): Promise<Principal | undefined> => {
    const claims = await verify(options, issuer, text, requirements);
    if (claims === undefined) return undefined;
    const grantee = granteeOf(issuer.settings, claims);
    if (grantee === undefined || !(await accountExists(grantee.account))) throw noAccountOrRole();
    return { ...grantee, subject: subjectOf(issuer, claims), images: null, expiresAt: new Date(claims.exp * 1000) };
  };
  return {
    async login(text) {
      const issuer = looksLikeJwt(text)
        ? issuers.find(({ settings }) => settings.issuer === claimedIssuer(text))
        : undefined;
      return issuer && principalOf(issuer, text, issuer.settings);
    },
    async loginById(issuer, idToken) {
      const { signIn } = issuer.settings;
      if (signIn === undefined || !looksLikeJwt(idToken)) return undefined;
      return principalOf(issuer, idToken, { audience: [signIn.clientId], tokenType: 'JWT' });
    },
    async resolveLogin(login) {
      const issuer = issuers.find(({ settings }) => login.subject.startsWith(`${settings.issuer}#`));
      const isActive = login.expiresAt !== null && login.expiresAt > now();
      const isPermitted = issuer !== undefined && (login.role !== 'ADMIN' || issuer.settings.mayGiveAdmin);
      return isActive && isPermitted && (await accountExists(login.account)) ? { ...login, images: null } : undefined;
    },
  };
}

/** Returns issuer, `#`, and `sub`. The URL of an issuer has no `#`, so no two issuers share a subject, and none is the subject of an API token. */
function subjectOf({ settings }: Issuer, claims: Verified): string {
  return `${settings.issuer}#${claims.sub}`;
}

function noAccountOrRole(): Problem {
  return new Problem(
    'UNAUTHENTICATED',
    'The login is valid, but it grants no account and role in Regway. Ask your administrator to map one of your groups or to create the account.',
    { reason: 'NO_ACCOUNT_OR_ROLE' },
  );
}

/** The token may be valid. The message does not name the issuer, so a made-up token reveals nothing. */
function issuerUnavailable(): Problem {
  return new Problem('UNAUTHENTICATED', 'The keys of the issuer of this login cannot be fetched. Try again later.', {
    reason: 'ISSUER_UNAVAILABLE',
  });
}

interface Verified extends Claims {
  readonly sub: string;
  readonly exp: number;
}

/**
 * Returns the claims of a valid token, or undefined after logging the reason without the token.
 * @throws Problem `UNAUTHENTICATED` if the keys of the issuer cannot be fetched.
 */
async function verify(
  { now, log }: JwtLoginOptions,
  issuer: Issuer,
  text: string,
  requirements: Requirements,
): Promise<Verified | undefined> {
  try {
    const { algorithms, clockToleranceSeconds } = issuer.settings;
    const { payload } = await jwtVerify(text, (header, token) => issuer.key(header, token), {
      algorithms: [...algorithms],
      issuer: issuer.settings.issuer,
      audience: [...requirements.audience],
      ...requiredType(text, requirements),
      requiredClaims: ['exp', 'iat', 'sub'],
      maxTokenAge: maxTokenLifetimeSeconds,
      clockTolerance: clockToleranceSeconds,
      currentDate: now(),
    });
    return checkClaims(text, payload);
  } catch (error) {
    log.warn({ issuer: issuer.settings.issuer, ...reasonOf(error) }, 'a token of an issuer was rejected');
    if (error instanceof NothingCached) throw issuerUnavailable();
    return undefined;
  }
}

/** Returns the `typ` to require. @throws JwtError for a critical header. */
function requiredType(text: string, { tokenType }: Requirements): { readonly typ?: string } {
  const { typ, crit } = decodeProtectedHeader(text);
  // RFC 7515 §4.1.11: Regway supports no extension that a token could declare critical.
  if (crit !== undefined) throw new JwtError('CRITICAL_HEADER');
  // RFC 7519 §5.1: a plain JWT may omit its type.
  return typ === undefined && tokenType === 'JWT' ? {} : { typ: tokenType };
}

/** Checks what jose does not, after the signature is verified. @throws JwtError for a claim that is not valid. */
function checkClaims(text: string, payload: JWTPayload): Verified {
  if (text.split('.', 2).some((part) => hasDuplicateMember(decode(part)))) throw new JwtError('REPEATED_NAME');
  const { sub, exp, iat } = payload;
  if (typeof sub !== 'string' || !subjectPattern.test(sub)) throw new JwtError('SUBJECT');
  if (typeof exp !== 'number' || typeof iat !== 'number') throw new JwtError('TIMES');
  if (exp - iat > maxTokenLifetimeSeconds) throw new JwtError('LIFETIME');
  return { ...payload, sub, exp };
}

/** A token that is not valid. `code` says why. */
class JwtError extends Error {
  override readonly name = 'JwtError';
  readonly code: string;

  constructor(code: string) {
    super('The token was rejected.');
    this.code = code;
  }
}

/** Returns the error code and the name of the claim, never its value. */
function reasonOf(error: unknown): { readonly errorCode: string; readonly claim?: string } {
  const errorCode = codeOf(error) ?? 'unknown';
  const isClaim = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired;
  return isClaim ? { errorCode, claim: error.claim } : { errorCode };
}

/** Returns the issuer that a token claims, which only selects the keys to verify it with: nothing in it is trusted yet. */
function claimedIssuer(text: string): unknown {
  const claims = parseJson(decode(text.split('.')[1] ?? ''));
  return isRecord(claims) ? claims['iss'] : undefined;
}

function decode(part: string): string {
  return Buffer.from(part, 'base64url').toString('utf8');
}

/** Matches a text, with the colon that makes it a name, or the start or end of an object. A brace inside a text is part of the text. */
const parts = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/gs;

/**
 * Returns whether an object in a JSON text has two members of one name, which parsers resolve differently (RFC 7515 §4, RFC 7519 §4). Written by
 * hand, because JSON.parse does not report them.
 * @param json Valid JSON; for any other text the result has no meaning.
 */
export function hasDuplicateMember(json: string): boolean {
  const objects: Set<unknown>[] = [];
  for (const [part, colon] of json.matchAll(parts)) {
    if (part === '{') objects.push(new Set());
    else if (part === '}') objects.pop();
    else if (colon !== undefined) {
      const names = objects.at(-1);
      // Two spellings of one name (`a`, `\u0061`) are the same.
      const name: unknown = JSON.parse(part.slice(0, -colon.length));
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
  }
  return false;
}
