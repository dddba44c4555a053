// How a pull logs in to its upstream: the scheme is learned once, tokens are cached for exactly one repository and the action `pull`.
// https://distribution.github.io/distribution/spec/auth/token/

import type { PullSource } from '../../core/pulls/pull.ts';
import type { PullToken } from '../../core/pulls/upstream-token.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { repositoryUrl } from '../login/endpoint.ts';
import { basicAuthorization, bearerAuthorization } from '../login/http-authentication.ts';
import { requestSessionToken, type BearerLogin } from '../login/login.ts';
import { tokenRefusal } from '../login/refusal.ts';
import { getFromRegistry } from '../login/session.ts';
import { pullScope } from '../login/token.ts';
import { type Handshake, keyOf, maxHandshakes, registryKey, relearn, learnHandshake } from './handshake.ts';
import { openPullSession, type PullContext } from './request.ts';
import { createSingleFlightCache, type Fresh, type SingleFlightCache } from './single-flight-cache.ts';

interface CachedToken {
  readonly token: Secret;
  /** Epoch milliseconds. */
  readonly expiresMs: number;
}

/** What one request is sent with. */
export interface PullAccess {
  readonly handshake: Handshake;
  readonly authorization: Secret | undefined;
  readonly token: { readonly key: string; readonly value: CachedToken; readonly wasCached: boolean } | undefined;
}

export interface PullAuth {
  /** Where and how to log in. @throws UpstreamFailure */
  handshake(source: PullSource): Promise<Handshake>;
  /** Logs in. @throws UpstreamFailure; Problem `UPSTREAM_FAILED` with the reason `LOGIN_REQUIRED`, or as `PullSource.credential`. */
  authorize(source: PullSource, handshake: Handshake): Promise<PullAccess>;
  /**
   * What to try, once, after a 401: another login if the challenge asks for one, or a new token if the refused one came from the cache.
   * @throws UpstreamFailure when nothing is left to try: the verdict on the credential.
   */
  reauthorize(
    source: PullSource,
    refused: PullAccess,
    challenge: string | readonly string[] | undefined,
  ): Promise<PullAccess>;
  /** What a 401 says after everything that could be sent. */
  refusal(source: PullSource, refused: PullAccess): Error;
}

/** Some 4 KiB each. */
const maxTokens = 4_000;

/** A token is replaced this long before it ends, or a fifth of its life, so that none ends on its way. */
const refreshMarginMs = 30_000;

/** Caches that are empty. */
export function createPullAuth(context: PullContext): PullAuth {
  const { now } = context.settings;
  const state: State = {
    context,
    handshakes: createSingleFlightCache(maxHandshakes, now),
    tokens: createSingleFlightCache(maxTokens, now),
    versions: new Map(),
  };
  const authorize: PullAuth['authorize'] = async (source, handshake) => {
    const { login } = handshake;
    if (login?.scheme === 'bearer') return authorizeWithToken(state, source, handshake, login);
    if (login === undefined) return { handshake, authorization: undefined, token: undefined };
    const credential = await source.credential?.();
    // Some registries that challenge on `/v2/` serve public repositories all the same.
    return { handshake, authorization: credential && basicAuthorization(credential), token: undefined };
  };
  return {
    authorize: authorize,
    refusal: refusalOf,
    async handshake(source) {
      dropOldVersions(state, source);
      return (await state.handshakes.get(keyOf(source), () => learnHandshake(context, source))).value;
    },
    async reauthorize(source, refused, challenge) {
      const handshake = relearn(context, state.handshakes, source, refused.handshake, challenge);
      const { token } = refused;
      if (token !== undefined) state.tokens.drop(token.key, token.value);
      if (handshake === undefined && token?.wasCached !== true) throw refusalOf(source, refused);
      return authorize(source, handshake ?? refused.handshake);
    },
  };
}

interface State {
  readonly context: PullContext;
  readonly handshakes: SingleFlightCache<Handshake>;
  readonly tokens: SingleFlightCache<CachedToken>;
  /** The newest version seen of each registry. */
  readonly versions: Map<string, number>;
}

/** Keys hold the version, so nothing old is ever used; this drops it from memory as well. */
function dropOldVersions({ versions, tokens, handshakes }: State, { registry }: PullSource): void {
  if (registry === null || (versions.get(registry.id) ?? 0) >= registry.version) return;
  // Only a hint what to sweep, so losing it costs nothing.
  if (versions.size > maxTokens) versions.clear();
  versions.set(registry.id, registry.version);
  const isOld = (key: string) => key.startsWith(`${registry.id}@`) && !key.startsWith(`${registryKey(registry)} `);
  tokens.dropWhere(isOld);
  handshakes.dropWhere(isOld);
}

async function authorizeWithToken(
  state: State,
  source: PullSource,
  handshake: Handshake,
  login: BearerLogin,
): Promise<PullAccess> {
  const scope = pullScope(source.repository);
  const key = [keyOf(source), handshake.endpoint.origin, login.realm.href, login.service ?? '', scope].join(' ');
  const { value, wasCached } = await state.tokens.get(key, () => fetchToken(state.context, source, login, scope));
  return { handshake, authorization: bearerAuthorization(value.token), token: { key, value, wasCached } };
}

async function fetchToken(
  context: PullContext,
  source: PullSource,
  login: BearerLogin,
  scope: string,
): Promise<Fresh<CachedToken>> {
  const credential = await source.credential?.();
  const session = openPullSession(context, source, credential);
  const reply = await requestSessionToken(session, login, scope, credential);
  if (!reply.granted) {
    const { status } = reply.response;
    if (source.registry === null && (status === 401 || status === 403)) throw loginRequired(source);
    // A 403 to a credential that a check has proven speaks of the repository; a 401 always speaks of the credential.
    const wasProven = status === 403 && source.registry?.lastValidation?.outcome === 'VALID';
    throw tokenRefusal(session, reply.response, login.realm, wasProven);
  }
  const { token, expiresInSeconds } = reply.token;
  const receivedMs = context.settings.now().getTime();
  const lifetimeMs = expiresInSeconds * 1000;
  return {
    value: { token, expiresMs: receivedMs + lifetimeMs },
    untilMs: receivedMs + lifetimeMs - Math.min(refreshMarginMs, lifetimeMs / 5),
  };
}

function refusalOf(source: PullSource, { handshake }: PullAccess): Error {
  if (source.registry === null) return loginRequired(source);
  if (handshake.login === undefined)
    return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { reason: 'its refusal names no scheme' });
  return new UpstreamFailure(handshake.login.scheme === 'basic' ? 'INVALID_CREDENTIALS' : 'INSUFFICIENT_SCOPE', {});
}

function loginRequired({ host, repository }: PullSource): Problem {
  return new Problem(
    'UPSTREAM_FAILED',
    `${host} does not let anonymous clients pull ${repository}, and no registry covers it here. Add a registry for it.`,
    {
      reason: 'LOGIN_REQUIRED',
    },
  );
}

/**
 * A token, or undefined when the registry has none to give: it takes Basic, or asks for no login.
 * @throws as `PullAuth`
 */
export async function mintToken(
  context: PullContext,
  auth: PullAuth,
  source: PullSource,
): Promise<PullToken | undefined> {
  const handshake = await auth.handshake(source);
  if (handshake.login?.scheme === 'basic') return undefined;
  const access = await auth.authorize(source, handshake);
  const { token } =
    access.handshake.login === undefined ? await probeRepository(context, auth, source, access) : access;
  return token && { token: token.value.token, expiresAt: new Date(token.value.expiresMs) };
}

/** A registry that is open at `/v2/` may still want a login for the repository. */
async function probeRepository(
  context: PullContext,
  auth: PullAuth,
  source: PullSource,
  access: PullAccess,
): Promise<PullAccess> {
  const { status, headers } = await getFromRegistry(
    openPullSession(context, source, undefined),
    repositoryUrl(access.handshake.endpoint, source.repository),
  );
  return status === 401 ? auth.reauthorize(source, access, headers['www-authenticate']) : access;
}
