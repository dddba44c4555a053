// Turns a registry's challenge into a login, authenticates with it, and compares the result with that of an anonymous client.

import type { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import type { UpstreamResponse } from '../transport/client.ts';
import type { Endpoint } from './endpoint.ts';
import {
  basicAuthorization,
  bearerAuthorization,
  type Challenge,
  parseChallenges,
  pickChallenge,
} from './http-authentication.ts';
import { isRealmAllowed, trustableHost } from './realm.ts';
import { limitOf, tokenRefusal } from './refusal.ts';
import { getFromRegistry, type CheckSession, type RegistrySession } from './session.ts';
import { type RegistryToken, requestToken, type TokenResponse, tokenSubject } from './token.ts';

/** A token server that the realm policy allows. */
export interface BearerLogin {
  readonly scheme: 'bearer';
  readonly realm: URL;
  readonly service: string | undefined;
}

/** How a registry authenticates its clients. */
export type Login = { readonly scheme: 'basic' } | BearerLogin;

/** An accepted login: the Authorization header, and the token in it; undefined with Basic. */
export interface RegistryAccess {
  readonly authorization: Secret;
  readonly token: RegistryToken | undefined;
}

/** Why an accepted credential counts as verified: an anonymous request is rejected, the token names a user, or the registry is known to reject wrong passwords. */
export type ProofOfLogin = 'CHALLENGE' | 'SUBJECT' | 'KNOWN_BEHAVIOUR';

/** Why it does not: anonymous clients get the same, or the comparison failed. */
export type MissingProof = 'SAME' | 'NOT_COMPARED';

/**
 * Returns the login that a response asks for, or undefined if a 200 requires none. Quay sends its Bearer challenge even with a 200. Every
 * conversation goes through here. Finishes the step `CHALLENGE`, if it is running.
 * @throws UpstreamFailure `UNSUPPORTED_CHALLENGE`, or `FORBIDDEN_REALM` before anything is sent to it
 */
export function negotiate(session: RegistrySession, endpoint: Endpoint, response: UpstreamResponse): Login | undefined {
  const picked = pickChallenge(parseChallenges(response.headers['www-authenticate']));
  if (response.status === 200 && picked?.scheme !== 'bearer') return undefined;
  if (picked === undefined) throw unsupportedChallenge(session, response);
  const isStep = session.steps?.running() === 'CHALLENGE';
  if (isStep) endChallenge(session, picked);
  if (picked.scheme === 'basic') return { scheme: 'basic' };
  if (isStep) session.steps?.start('REALM');
  const login = admitRealm(session, endpoint, picked);
  if (isStep) session.steps?.finish('PASSED', `The token server ${login.realm.host} may receive the credential.`);
  return login;
}

/**
 * Returns the login that a repository's 401 to a request with `sent` asks for, or undefined if that is `sent` itself. What one repository asks
 * for says nothing about another one.
 * @throws UpstreamFailure `FORBIDDEN_REALM`, and as `getFromRegistry`
 */
export async function negotiateAgain(
  session: RegistrySession,
  endpoint: Endpoint,
  { url, response }: { readonly url: URL; readonly response: UpstreamResponse },
  sent: Login | undefined,
): Promise<Login | undefined> {
  let asked = response;
  const picked = pickChallenge(parseChallenges(asked.headers['www-authenticate']));
  // Harbor answers Basic to whatever carries an Authorization. Its challenge to an anonymous client is the one that counts.
  if (picked?.scheme === 'basic' && sent?.scheme === 'bearer') asked = await getFromRegistry(session, url);
  if (asked.status !== 401 || pickChallenge(parseChallenges(asked.headers['www-authenticate'])) === undefined)
    return undefined;
  const login = negotiate(session, endpoint, asked);
  return login === undefined || isSameLogin(login, sent) ? undefined : login;
}

function isSameLogin(one: Login, other: Login | undefined): boolean {
  if (one.scheme === 'basic' || other?.scheme !== 'bearer') return one.scheme === other?.scheme;
  return one.realm.href === other.realm.href && one.service === other.service;
}

function endChallenge({ steps }: RegistrySession, { scheme }: Challenge): void {
  steps?.finish(
    'PASSED',
    scheme === 'basic'
      ? 'The registry requires a username and password (Basic).'
      : 'The registry requires a token from its token server (Bearer).',
  );
}

/** IANA's HTTP Authentication Schemes, and NTLM. Other words of a challenge are not shown, because a hostile registry chooses them. */
const registeredSchemes: ReadonlySet<string> = new Set(
  'basic bearer concealed digest dpop gnap hoba mutual negotiate ntlm oauth privatetoken scram-sha-1 scram-sha-256 vapid'.split(
    ' ',
  ),
);

/** Returns the failure of a response whose challenges cannot be answered. */
function unsupportedChallenge({ target }: RegistrySession, response: UpstreamResponse): UpstreamFailure {
  const challenges = parseChallenges(response.headers['www-authenticate']);
  const schemes = [
    ...new Set(challenges.map(({ scheme }) => (registeredSchemes.has(scheme) ? scheme : 'an unregistered scheme'))),
  ].join(', ');
  const isBroken = challenges.some(({ scheme }) => scheme === 'basic' || scheme === 'bearer');
  const reason = schemes === '' ? 'it names no scheme' : `${isBroken ? 'a broken challenge: ' : ''}${schemes}`;
  return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { host: target.host, reason });
}

/** Applies the realm policy to a Bearer challenge. @throws UpstreamFailure `FORBIDDEN_REALM` */
function admitRealm(session: RegistrySession, endpoint: Endpoint, challenge: Challenge): BearerLogin {
  const { target, isAnonymous, plainHttpHosts, redact, observed } = session;
  const realm = challenge.params.get('realm') ?? '';
  const decision = isRealmAllowed(realm, endpoint, {
    trustedRealm: target.trustedRealm,
    plainHttpHosts,
    isAnonymous,
  });
  if (!decision.allowed) {
    observed.realmHost = decision.host === null ? null : redact(decision.host);
    throw new UpstreamFailure('FORBIDDEN_REALM', {
      host: target.host,
      otherHost: observed.realmHost,
      usableHost: trustableHost(realm, endpoint, observed.realmHost),
      realmRefusal: decision.refusal,
    });
  }
  observed.realmHost = decision.url.host;
  return { scheme: 'bearer', realm: decision.url, service: challenge.params.get('service') };
}

/**
 * Authenticates with the credential of the session. With Basic nothing is sent yet.
 * @param scope Undefined to validate the credential itself: with a scope, some registries issue an anonymous token for a wrong password.
 * @param wasAccepted Whether the credential has been accepted before.
 * @throws UpstreamFailure if the token server rejects the credential or issues no usable token.
 */
export async function authenticate(
  session: CheckSession,
  login: Login,
  scope: string | undefined,
  wasAccepted: boolean,
): Promise<RegistryAccess> {
  if (login.scheme === 'basic') return { authorization: basicAuthorization(session.credential), token: undefined };
  const response = await requestSessionToken(session, login, scope, session.credential);
  if (!response.granted) throw tokenRefusal(session, response.response, login.realm, wasAccepted);
  return { authorization: bearerAuthorization(response.token.token), token: response.token };
}

/**
 * Finds out whether the same request is rejected, or its token names no user, without the credential. Never sends a made-up wrong password, which would count toward lockouts.
 */
export async function compareWithAnonymous(
  session: CheckSession,
  login: BearerLogin,
  access: RegistryAccess,
  url: URL,
  scope: string | undefined,
): Promise<ProofOfLogin | MissingProof> {
  try {
    const anonymous = await requestSessionToken(session, login, scope, undefined);
    if (!anonymous.granted) return judgeAnonymous(session, anonymous.response, url);
    const isNamed = access.token !== undefined && tokenSubject(access.token.token) !== undefined;
    if (isNamed && tokenSubject(anonymous.token.token) === undefined) return 'SUBJECT';
    const response = await getFromRegistry(session, url, bearerAuthorization(anonymous.token.token));
    return response.status === 200 ? 'SAME' : judgeAnonymous(session, response, url);
  } catch (error) {
    if (error instanceof UpstreamFailure) return 'NOT_COMPARED';
    throw error;
  }
}

/** Token servers reject anonymous clients with 401, 403, 400, 404, 406; a limit or a failure of the server says nothing. */
function judgeAnonymous(session: CheckSession, response: UpstreamResponse, url: URL): 'CHALLENGE' | 'NOT_COMPARED' {
  const isRejected = response.status >= 400 && response.status < 500;
  return isRejected && limitOf(session, response, url) === undefined ? 'CHALLENGE' : 'NOT_COMPARED';
}

/**
 * Requests a token, anonymously if `credential` is undefined. A server that is no registry or uses plain HTTP is here an unusable token server.
 * @throws UpstreamFailure as `requestToken`
 */
export async function requestSessionToken(
  session: RegistrySession,
  login: BearerLogin,
  scope: string | undefined,
  credential: Credential | undefined,
): Promise<TokenResponse> {
  const { client, limits, signal } = session;
  const { realm, service } = login;
  try {
    return await requestToken(client, {
      realm,
      service,
      scope,
      credential,
      maxBodyBytes: limits.maxTokenBodyBytes,
      signal,
    });
  } catch (error) {
    if (
      !(error instanceof UpstreamFailure) ||
      (error.outcome !== 'NOT_A_V2_REGISTRY' && error.outcome !== 'PLAIN_HTTP')
    )
      throw error;
    throw new UpstreamFailure(
      'TOKEN_ENDPOINT_ERROR',
      { host: realm.host, reason: 'the response is not HTTPS', retryable: false },
      error,
    );
  }
}
