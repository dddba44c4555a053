// Logs in with JWTs of configured issuers (RFC 7519, RFC 9068, OpenID Connect Core §3.1.3.7), held to RFC 8725.

import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Login, Principal } from '../../../core/authz/principal.ts';
import { codeOf } from '../../../core/shared/fault.ts';
import { isRecord, parseJson } from '../../../core/shared/json.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { type Claims, granteeOf } from './claims.ts';
import type { Issuer, IssuerLog } from './issuer.ts';
import type { IssuerSettings } from './settings.ts';
import { NothingCached } from './swr-cache.ts';

export interface JwtLogins {
  /**
   * Who a bearer token speaks for; undefined when it is no good, for whatever reason.
   * @throws Problem `UNAUTHENTICATED`, with a reason, when it is good and gives no account and role here, or when nobody can tell
   * as its issuer's keys cannot be had.
   */
  readonly login: (text: string) => Promise<Principal | undefined>;
  /** The same for the ID token that this issuer gave to its client. */
  readonly loginById: (issuer: Issuer, idToken: string) => Promise<Principal | undefined>;
  /** Resolves the principal of an earlier login again, or undefined once its token has expired, its account no longer exists, or its issuer is no longer trusted. */
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
}

export interface JwtLoginOptions {
  readonly issuers: readonly Issuer[];
  /** Whether an account is there to act in now. */
  readonly accountExists: (name: string) => Promise<boolean>;
  readonly now: () => Date;
  readonly log: IssuerLog;
}

/** Tokens with many groups reach some KiB, and all headers of a request together have 16. */
const maxTokenLength = 12 * 1024;
/** A JWT cannot be revoked here, so one that is valid for longer than a day is rejected. */
export const maxTokenLifetimeSeconds = 24 * 60 * 60;
/** OpenID Connect Core §2: `sub` has 255 ASCII characters at most. */
const subjectPattern = /^[\x20-\x7e]{1,255}$/;

/** RFC 7515 §7.1. */
const compactPattern = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Whether a text has the form of a JWT: API tokens have no dots. */
function looksLikeJwt(text: string): boolean {
  return text.length <= maxTokenLength && compactPattern.test(text);
}

/** The requirements for one kind of token. */
type Demands = Pick<IssuerSettings, 'audience' | 'tokenType'>;

export function createJwtLogins(options: JwtLoginOptions): JwtLogins {
  const { issuers, accountExists, now } = options;
  const principalOf = async (issuer: Issuer, text: string, demands: Demands): Promise<Principal | undefined> => {
    const claims = await verify(options, issuer, text, demands);
    if (claims === undefined) return undefined;
    const grantee = granteeOf(issuer.settings, claims);
    if (grantee === undefined || !(await accountExists(grantee.account))) throw nobodyHere();
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
      const isInForce = login.expiresAt !== null && login.expiresAt > now();
      const isPermitted = issuer !== undefined && (login.role !== 'ADMIN' || issuer.settings.mayGiveAdmin);
      return isInForce && isPermitted && (await accountExists(login.account)) ? { ...login, images: null } : undefined;
    },
  };
}

/** A `#` ends the issuer, since its URL has none. So equal subjects of two issuers differ, and none is that of an API token. */
function subjectOf({ settings }: Issuer, claims: Verified): string {
  return `${settings.issuer}#${claims.sub}`;
}

function nobodyHere(): Problem {
  return new Problem(
    'UNAUTHENTICATED',
    'The login is valid, but it gives no account and role on this server. Ask its administrator to map one of your groups, or to create the account.',
    { reason: 'NO_ACCOUNT_OR_ROLE' },
  );
}

/** The token may be good. Its issuer is not named: whoever made it up learns of no more than they named themselves. */
function issuerUnavailable(): Problem {
  return new Problem('UNAUTHENTICATED', 'The issuer of this login cannot be asked for its keys now. Try again later.', {
    reason: 'ISSUER_UNAVAILABLE',
  });
}

interface Verified extends Claims {
  readonly sub: string;
  readonly exp: number;
}

/** The claims of a token that passes everything; undefined otherwise. The log has why, without the token. @throws Problem when the issuer's keys cannot be had. */
async function verify(
  { now, log }: JwtLoginOptions,
  issuer: Issuer,
  text: string,
  demands: Demands,
): Promise<Verified | undefined> {
  try {
    const { algorithms, clockToleranceSeconds } = issuer.settings;
    const { payload } = await jwtVerify(text, (header, token) => issuer.key(header, token), {
      algorithms: [...algorithms],
      issuer: issuer.settings.issuer,
      audience: [...demands.audience],
      ...typeDemand(text, demands),
      requiredClaims: ['exp', 'iat', 'sub'],
      maxTokenAge: maxTokenLifetimeSeconds,
      clockTolerance: clockToleranceSeconds,
      currentDate: now(),
    });
    return checked(text, payload);
  } catch (error) {
    log.warn({ issuer: issuer.settings.issuer, ...reasonOf(error) }, 'a token of an issuer was refused');
    if (error instanceof NothingCached) throw issuerUnavailable();
    return undefined;
  }
}

/** @throws JwtError */
function typeDemand(text: string, { tokenType }: Demands): { readonly typ?: string } {
  const { typ, crit } = decodeProtectedHeader(text);
  // RFC 7515 §4.1.11: nothing that a token could declare critical is understood here.
  if (crit !== undefined) throw new JwtError('CRITICAL_HEADER');
  // RFC 7519 §5.1: a plain JWT may leave its type out.
  return typ === undefined && tokenType === 'JWT' ? {} : { typ: tokenType };
}

/** Checks what jose leaves open, after the signature is verified. @throws JwtError */
function checked(text: string, payload: JWTPayload): Verified {
  if (text.split('.', 2).some((part) => hasDuplicateMember(decode(part)))) throw new JwtError('REPEATED_NAME');
  const { sub, exp, iat } = payload;
  if (typeof sub !== 'string' || !subjectPattern.test(sub)) throw new JwtError('SUBJECT');
  if (typeof exp !== 'number' || typeof iat !== 'number') throw new JwtError('TIMES');
  if (exp - iat > maxTokenLifetimeSeconds) throw new JwtError('LIFETIME');
  return { ...payload, sub, exp };
}

class JwtError extends Error {
  override readonly name = 'JwtError';
  readonly code: string;

  constructor(code: string) {
    super('The token is refused.');
    this.code = code;
  }
}

/** Codes and names of claims, never their values. */
function reasonOf(error: unknown): { readonly errorCode: string; readonly claim?: string } {
  const errorCode = codeOf(error) ?? 'unknown';
  const isClaim = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired;
  return isClaim ? { errorCode, claim: error.claim } : { errorCode };
}

/** Whom the token says it is from, to know whose keys to try: nothing of it is believed yet. */
function claimedIssuer(text: string): unknown {
  const claims = parseJson(decode(text.split('.')[1] ?? ''));
  return isRecord(claims) ? claims['iss'] : undefined;
}

function decode(part: string): string {
  return Buffer.from(part, 'base64url').toString('utf8');
}

/** A text with the colon that makes it a name, or an object's beginning or end. Braces inside of texts are part of those. */
const parts = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/gs;

/** @param json valid JSON; of anything else the answer means nothing. */
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
