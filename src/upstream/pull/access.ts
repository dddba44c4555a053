// Authorizes pulls at their upstream registry, and decides what follows when the registry refuses: another login, a new token, or the end.

import type { PullSource } from '../../core/pulls/pull.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import {
  basicAuthorization,
  bearerAuthorization,
  parseChallenges,
  pickChallenge,
} from '../login/http-authentication.ts';
import { type Login, negotiateAgain } from '../login/login.ts';
import { limitOf, registryRefusal } from '../login/refusal.ts';
import type { UpstreamResponse } from '../transport/client.ts';
import { createCredentialVerdicts, type CredentialVerdicts } from './credential-verdict.ts';
import { type Handshake, handshakeLifetimeMs, keyOf, learnHandshake, maxHandshakes, registryKey } from './handshake.ts';
import { openPullSession, type PullContext } from './request.ts';
import { createSingleFlightCache, type SingleFlightCache } from './single-flight-cache.ts';
import { createTokenCache, type HeldToken, loginRequired, maxTokens, type TokenCache } from './token-cache.ts';

/** The authorization of one request. */
export interface PullAccess {
  readonly handshake: Handshake;
  /** How this repository authenticates; undefined while it requires nothing. */
  readonly login: Login | undefined;
  readonly authorization: Secret | undefined;
  readonly token: HeldToken | undefined;
}

/** A request about a repository that was refused with 400, 401 or 403. */
export interface Refused {
  readonly access: PullAccess;
  readonly url: URL;
  readonly response: UpstreamResponse;
}

export interface PullAuth {
  /** Returns the authorization of a request. @throws UpstreamFailure; Problem `UPSTREAM_FAILED` with the reason `LOGIN_REQUIRED`, or as `PullSource.credential`. */
  authorize(source: PullSource): Promise<PullAccess>;
  /**
   * Returns what to try, once, after a refusal: the login that its challenge requires, or a new token instead of a cached one. Returns
   * undefined if there is nothing to try.
   * @throws UpstreamFailure `RATE_LIMITED` or `LOCKED_OUT` for a refusal that is a limit; and as `authorize`
   */
  reauthorize(source: PullSource, refused: Refused): Promise<PullAccess | undefined>;
  /** Returns the error for a refusal after everything that could be sent. Asks about the credential itself first. */
  refusal(source: PullSource, refused: Refused): Promise<Error>;
  /** Remembers the login that a repository accepted. @param isLearned Whether it asked for it. */
  accepted(source: PullSource, access: PullAccess, isLearned: boolean): void;
  /** Returns an authorization whose token has at least half of its life left. @throws as `authorize` */
  refresh(source: PullSource, access: PullAccess): Promise<PullAccess>;
}

interface State {
  readonly context: PullContext;
  readonly handshakes: SingleFlightCache<Handshake>;
  /** The logins that single repositories asked for. */
  readonly logins: SingleFlightCache<Login>;
  readonly tokens: TokenCache;
  readonly verdicts: CredentialVerdicts;
  /** The newest version seen of each registry, by its ID. */
  readonly versions: Map<string, number>;
}

/** Creates the authorization of pulls, with empty caches. */
export function createPullAuth(context: PullContext): PullAuth {
  const { monotonicMs } = context;
  const verdicts = createCredentialVerdicts(context);
  const state: State = {
    context,
    handshakes: createSingleFlightCache(maxHandshakes, monotonicMs),
    logins: createSingleFlightCache(maxTokens, monotonicMs),
    tokens: createTokenCache(context, verdicts),
    verdicts,
    versions: new Map(),
  };
  return {
    async authorize(source) {
      dropOldVersions(state, source);
      const { value: handshake } = await state.handshakes.get(keyOf(source), () => learnHandshake(context, source));
      return authorizeWith(state, source, handshake, state.logins.peek(repositoryKey(source)) ?? handshake.login);
    },
    reauthorize: (source, refused) => reauthorize(state, source, refused),
    refusal: (source, refused) => refusalOf(state, source, refused),
    accepted(source, { login }, isLearned) {
      verdicts.accepted(source);
      if (isLearned && login !== undefined)
        state.logins.set(repositoryKey(source), { value: login, lifetimeMs: handshakeLifetimeMs });
    },
    async refresh(source, access) {
      const { token, handshake, login } = access;
      if (token === undefined || !state.tokens.dropAged(token)) return access;
      return authorizeWith(state, source, handshake, login);
    },
  };
}

function repositoryKey(source: PullSource): string {
  return `${keyOf(source)} ${source.repository}`;
}

/** Deletes the entries of older versions from memory. Keys contain the version, so none of them is ever used again. */
function dropOldVersions({ versions, tokens, logins, handshakes }: State, { registry }: PullSource): void {
  if (registry === null || (versions.get(registry.id) ?? 0) >= registry.version) return;
  // Only a hint about what to delete, so losing it costs nothing.
  if (versions.size > maxTokens) versions.clear();
  versions.set(registry.id, registry.version);
  const isOld = (key: string) => key.startsWith(`${registry.id}@`) && !key.startsWith(`${registryKey(registry)} `);
  tokens.dropWhere(isOld);
  logins.dropWhere(isOld);
  handshakes.dropWhere(isOld);
}

async function authorizeWith(
  { tokens }: State,
  source: PullSource,
  handshake: Handshake,
  login: Login | undefined,
): Promise<PullAccess> {
  if (login === undefined) return { handshake, login, authorization: undefined, token: undefined };
  if (login.scheme === 'bearer') {
    const token = await tokens.get(source, handshake, login);
    return { handshake, login, authorization: bearerAuthorization(token.value.token), token };
  }
  const credential = await source.credential?.();
  // Some registries that challenge on `/v2/` serve public repositories without a login.
  return { handshake, login, authorization: credential && basicAuthorization(credential), token: undefined };
}

async function reauthorize(state: State, source: PullSource, refused: Refused): Promise<PullAccess | undefined> {
  const { context, logins, tokens } = state;
  const { access, url, response } = refused;
  const { handshake, login, token } = access;
  // The credential is opened only to redact it.
  const session = openPullSession(context, source, await source.credential?.());
  const limit = limitOf(session, response, url);
  if (limit !== undefined) throw limit;
  if (response.status === 401) {
    const key = repositoryKey(source);
    const isBasicToToken = token !== undefined && pickedScheme(response) === 'basic';
    // Harbor answers so to every token that does not do. It is asked once what it means, and only about a new token.
    if (!isBasicToToken || (!token.wasCached && logins.peek(key) === undefined)) {
      const other = await negotiateAgain(session, handshake.endpoint, refused, login);
      const learned = other ?? (isBasicToToken ? login : undefined);
      // A password that only this repository asks for is remembered once it was accepted, so that many pulls cannot send a wrong one.
      const isUntried = learned?.scheme === 'basic' && handshake.login === undefined;
      if (learned !== undefined && !isUntried) logins.set(key, { value: learned, lifetimeMs: handshakeLifetimeMs });
      if (other !== undefined) return authorizeWith(state, source, handshake, other);
    }
  }
  return token !== undefined && tokens.replace(source, token)
    ? authorizeWith(state, source, handshake, login)
    : undefined;
}

function pickedScheme({ headers }: UpstreamResponse): string | undefined {
  return pickChallenge(parseChallenges(headers['www-authenticate']))?.scheme;
}

async function refusalOf({ context, verdicts }: State, source: PullSource, refused: Refused): Promise<Error> {
  const { access, url, response } = refused;
  const { handshake, login } = access;
  if (response.status === 401) {
    if (source.registry === null) return loginRequired(source);
    if (login === undefined) return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { reason: 'its 401 names no scheme' });
  }
  const session = openPullSession(context, source, await source.credential?.());
  const refusal = registryRefusal(session, response, url, true);
  if (login === undefined || refusal.outcome !== 'INSUFFICIENT_SCOPE') return refusal;
  return (await verdicts.failureOf(source, handshake, login, response.status)) ?? refusal;
}
