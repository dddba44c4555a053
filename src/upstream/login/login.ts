// How a registry wants its clients to log in, and the two things a check does with it: log in, and see whether that was needed.

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
import { type RegistryToken, requestToken, type TokenAnswer, tokenSubject } from './token.ts';

export interface BearerLogin {
  readonly scheme: 'bearer';
  readonly realm: URL;
  readonly service: string | undefined;
}

export type Login = { readonly scheme: 'basic' } | BearerLogin;

/** An accepted login: what to send, and the token behind it. */
export interface RegistryAccess {
  readonly authorization: Secret;
  readonly token: RegistryToken | undefined;
}

/** Why an accepted credential counts as proven: the same without it is refused, its token names a user, or the registry is known to be strict. */
export type ProofOfLogin = 'CHALLENGE' | 'SUBJECT' | 'KNOWN_BEHAVIOUR';

/** The challenge to answer; undefined when a 200 asks for nothing. Quay sends its Bearer challenge even with a 200. */
export function readChallenge(session: RegistrySession, answer: UpstreamResponse): Challenge | undefined {
  const picked = pickChallenge(parseChallenges(answer.headers['www-authenticate']));
  if (answer.status === 200) return picked?.scheme === 'bearer' ? picked : undefined;
  if (picked === undefined) throw unsupported(session, answer);
  return picked;
}

/** IANA's HTTP Authentication Schemes, and NTLM. Other words of a challenge are not shown: a hostile registry chooses them. */
const registeredSchemes: ReadonlySet<string> = new Set(
  'basic bearer concealed digest dpop gnap hoba mutual negotiate ntlm oauth privatetoken scram-sha-1 scram-sha-256 vapid'.split(
    ' ',
  ),
);

/** Names a challenge that cannot be answered. */
export function unsupported({ target }: RegistrySession, answer: UpstreamResponse): UpstreamFailure {
  const challenges = parseChallenges(answer.headers['www-authenticate']);
  const schemes = [
    ...new Set(challenges.map(({ scheme }) => (registeredSchemes.has(scheme) ? scheme : 'an unregistered scheme'))),
  ].join(', ');
  const isBroken = challenges.some(({ scheme }) => scheme === 'basic' || scheme === 'bearer');
  const reason = schemes === '' ? 'it names no scheme' : `${isBroken ? 'a broken challenge: ' : ''}${schemes}`;
  return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { host: target.host, reason });
}

/**
 * Turns a challenge into a login, once the realm policy has allowed its token server.
 * @throws UpstreamFailure `FORBIDDEN_REALM`; nothing was sent then.
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
 * Logs in with the credential.
 * @param scope Undefined to be judged by who one is: with a scope, some registries give a wrong password an anonymous token.
 * @param wasAccepted Whether the credential has been accepted before.
 * @throws UpstreamFailure when the token server refuses or gives no usable token.
 */
export async function authenticate(
  session: CheckSession,
  login: Login,
  scope: string | undefined,
  wasAccepted: boolean,
): Promise<RegistryAccess> {
  if (login.scheme === 'basic') return { authorization: basicAuthorization(session.credential), token: undefined };
  const answer = await askForToken(session, login, scope, session.credential);
  if (!answer.granted) throw tokenRefusal(session, answer.answer, login.realm, wasAccepted);
  return { authorization: bearerAuthorization(answer.token.token), token: answer.token };
}

/**
 * Sees whether the same request fails, or stays nameless, without the credential. Never with a made-up wrong password: that burns lockout budgets.
 * Undefined when anonymous clients fare as well, or when that could not be found out.
 */
export async function compareWithAnonymous(
  session: CheckSession,
  login: BearerLogin,
  access: RegistryAccess,
  url: URL,
  scope: string | undefined,
): Promise<ProofOfLogin | undefined> {
  try {
    const anonymous = await askForToken(session, login, scope, undefined);
    if (!anonymous.granted) return isRefused(anonymous.answer) ? 'CHALLENGE' : undefined;
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
 * A token server's failures are its own: what would be "no registry" at a registry is an unusable token server here.
 * @throws UpstreamFailure as `requestToken`
 */
export async function askForToken(
  session: RegistrySession,
  login: BearerLogin,
  scope: string | undefined,
  credential: Credential | undefined,
): Promise<TokenAnswer> {
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
      { host: realm.host, reason: 'what answers there does not speak HTTPS', retryable: false },
      error,
    );
  }
}

function isRefused({ status }: { readonly status: number }): boolean {
  return status === 401 || status === 403;
}
