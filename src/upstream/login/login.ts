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
import { isRealmAllowed } from './realm.ts';
import { tokenRefusal } from './refusal.ts';
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

/**
 * Returns the challenge to answer, or undefined if a 200 requires no authentication. Quay sends its Bearer challenge even with a 200.
 * @throws UpstreamFailure `UNSUPPORTED_CHALLENGE`
 */
export function readChallenge(session: RegistrySession, response: UpstreamResponse): Challenge | undefined {
  const picked = pickChallenge(parseChallenges(response.headers['www-authenticate']));
  if (response.status === 200) return picked?.scheme === 'bearer' ? picked : undefined;
  if (picked === undefined) throw unsupportedChallenge(session, response);
  return picked;
}

/** IANA's HTTP Authentication Schemes, and NTLM. Other words of a challenge are not shown, because a hostile registry chooses them. */
const registeredSchemes: ReadonlySet<string> = new Set(
  'basic bearer concealed digest dpop gnap hoba mutual negotiate ntlm oauth privatetoken scram-sha-1 scram-sha-256 vapid'.split(
    ' ',
  ),
);

/** Returns the failure of a response whose challenges cannot be answered. */
export function unsupportedChallenge({ target }: RegistrySession, response: UpstreamResponse): UpstreamFailure {
  const challenges = parseChallenges(response.headers['www-authenticate']);
  const schemes = [
    ...new Set(challenges.map(({ scheme }) => (registeredSchemes.has(scheme) ? scheme : 'an unregistered scheme'))),
  ].join(', ');
  const isBroken = challenges.some(({ scheme }) => scheme === 'basic' || scheme === 'bearer');
  const reason = schemes === '' ? 'it names no scheme' : `${isBroken ? 'a broken challenge: ' : ''}${schemes}`;
  return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { host: target.host, reason });
}

/**
 * Turns a challenge into a login if the realm policy allows its token server.
 * @throws UpstreamFailure `FORBIDDEN_REALM`, before anything is sent to it.
 */
export function admitLogin(session: RegistrySession, endpoint: Endpoint, challenge: Challenge): Login {
  if (challenge.scheme === 'basic') return { scheme: 'basic' };
  const { target, isAnonymous, steps, plainHttpHosts, redact, observed } = session;
  steps.start('REALM');
  const decision = isRealmAllowed(challenge.params.get('realm') ?? '', endpoint, {
    trustedRealm: target.trustedRealm,
    plainHttpHosts,
    isAnonymous,
  });
  if (!decision.allowed) {
    observed.realmHost = decision.host === null ? null : redact(decision.host);
    throw new UpstreamFailure('FORBIDDEN_REALM', {
      host: target.host,
      otherHost: observed.realmHost,
      realmRefusal: decision.refusal,
    });
  }
  observed.realmHost = decision.url.host;
  steps.finish('PASSED', `The token server ${decision.url.host} may receive the credential.`);
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
 * Returns undefined if anonymous clients get the same, or if the comparison fails.
 */
export async function compareWithAnonymous(
  session: CheckSession,
  login: BearerLogin,
  access: RegistryAccess,
  url: URL,
  scope: string | undefined,
): Promise<ProofOfLogin | undefined> {
  try {
    const anonymous = await requestSessionToken(session, login, scope, undefined);
    if (!anonymous.granted) return isRefused(anonymous.response) ? 'CHALLENGE' : undefined;
    const isNamed = access.token !== undefined && tokenSubject(access.token.token) !== undefined;
    if (isNamed && tokenSubject(anonymous.token.token) === undefined) return 'SUBJECT';
    return isRefused(await getFromRegistry(session, url, bearerAuthorization(anonymous.token.token)))
      ? 'CHALLENGE'
      : undefined;
  } catch (error) {
    if (error instanceof UpstreamFailure) return undefined;
    throw error;
  }
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

function isRefused({ status }: { readonly status: number }): boolean {
  return status === 401 || status === 403;
}
