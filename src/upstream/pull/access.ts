// Authorizes pulls at their upstream registry: the scheme is learned once, tokens are cached for exactly one repository and the action `pull`.
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

/** The authorization of one request, and the token in it. */
export interface PullAccess {
  readonly handshake: Handshake;
  readonly authorization: Secret | undefined;
  readonly token: { readonly key: string; readonly value: CachedToken; readonly wasCached: boolean } | undefined;
}

export interface PullAuth {
  /** Returns where the registry is and how it authenticates. @throws UpstreamFailure */
  handshake(source: PullSource): Promise<Handshake>;
  /** Returns the authorization of a request. @throws UpstreamFailure; Problem `UPSTREAM_FAILED` with the reason `LOGIN_REQUIRED`, or as `PullSource.credential`. */
  authorize(source: PullSource, handshake: Handshake): Promise<PullAccess>;
  /**
   * Returns what to try, once, after a 401: another login if the challenge requires one, or a new token if the rejected one was cached.
   * @throws UpstreamFailure or Problem, as `refusal`, if nothing is left to try.
   */
  reauthorize(
    source: PullSource,
    refused: PullAccess,
    challenge: string | readonly string[] | undefined,
  ): Promise<PullAccess>;
  /** Returns the error for a 401 after everything that could be sent. */
  refusal(source: PullSource, refused: PullAccess): Error;
}

/** Entries of about 4 KiB each. */
const maxTokens = 4_000;

/** Milliseconds before its end at which a token is replaced, at most a fifth of its lifetime, so that none expires on its way. */
const refreshMarginMs = 30_000;

/** Creates the authorization of pulls, with empty caches. */
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
    // Some registries that challenge on `/v2/` serve public repositories without a login.
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
  /** The newest version seen of each registry, by its ID. */
  readonly versions: Map<string, number>;
}

/** Deletes the entries of older versions from memory. Keys contain the version, so none of them is ever used again. */
function dropOldVersions({ versions, tokens, handshakes }: State, { registry }: PullSource): void {
  if (registry === null || (versions.get(registry.id) ?? 0) >= registry.version) return;
  // Only a hint about what to delete, so losing it costs nothing.
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
    // A 403 to a validated credential is about the repository; a 401 is always about the credential.
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
    return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { reason: 'its 401 names no scheme' });
  return new UpstreamFailure(handshake.login.scheme === 'basic' ? 'INVALID_CREDENTIALS' : 'INSUFFICIENT_SCOPE', {});
}

function loginRequired({ host, repository }: PullSource): Problem {
  return new Problem(
    'UPSTREAM_FAILED',
    `${host} does not allow anonymous clients to pull ${repository}, and no registry in Regway covers it. Add a registry for it.`,
    {
      reason: 'LOGIN_REQUIRED',
    },
  );
}

/**
 * Returns a token for the source's repository, or undefined if the registry issues none: it uses Basic, or requires no authentication.
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

/** Requests the repository, because a registry that is open at `/v2/` can still require authentication for it. */
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
