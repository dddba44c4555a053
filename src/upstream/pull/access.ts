// How a pull logs in to its upstream: the scheme is learned once, tokens are cached for exactly one repository and the action `pull`.
// https://distribution.github.io/distribution/spec/auth/token/

import type { PullSource } from '../../core/ports.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { basicAuthorization, bearerAuthorization } from '../login/authorization.ts';
import { parseChallenges, pickChallenge } from '../login/http-authentication.ts';
import type { Endpoint } from '../login/endpoint.ts';
import { UpstreamFailure } from '../errors/network-errors.ts';
import { admitLogin, askForToken, readChallenge } from '../login/login.ts';
import type { BearerLogin, Login } from '../login/login.ts';
import { ping } from '../login/ping.ts';
import { tokenRefusal } from '../login/refusal.ts';
import { ask, pingUrl } from '../login/session.ts';
import { createSharedCache } from './single-flight-cache.ts';
import type { Fresh, SharedCache } from './single-flight-cache.ts';
import { pullScope } from '../login/token.ts';
import { converse } from './tools.ts';
import type { PullTools } from './tools.ts';

/** Where a registry is and how it wants its clients to log in; `login` is undefined while it asked for nothing. */
export interface Handshake {
  readonly endpoint: Endpoint;
  readonly login: Login | undefined;
}

export interface CachedToken {
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

export interface PullAccesses {
  /** Where and how to log in. @throws UpstreamFailure */
  greet(source: PullSource): Promise<Handshake>;
  /** Logs in. @throws UpstreamFailure; Problem `UPSTREAM_FAILED` with the reason `LOGIN_REQUIRED`, or as `PullSource.credential`. */
  enter(source: PullSource, handshake: Handshake): Promise<PullAccess>;
  /**
   * What to try, once, after a 401: another login if the challenge asks for one, or a new token if the refused one came from the cache.
   * @throws UpstreamFailure when nothing is left to try: the verdict on the credential.
   */
  reenter(source: PullSource, refused: PullAccess, challenge: string | readonly string[] | undefined): Promise<PullAccess>;
  /** What a 401 says after everything that could be sent. */
  verdict(source: PullSource, refused: PullAccess): Error;
}

/** A registry seldom changes how it logs in, and a 401 with another challenge is believed at once. */
const handshakeLifetimeMs = 10 * 60 * 1000;

/** Some 4 KiB each. */
const maxTokens = 4_000;

const maxHandshakes = 1_000;

/** A token is replaced this long before it ends, or a fifth of its life, so that none ends on its way. */
const refreshMarginMs = 30_000;

/** Caches that are empty. */
export function createPullAccesses(tools: PullTools): PullAccesses {
  const { now } = tools.settings;
  const state: State = { tools, handshakes: createSharedCache(maxHandshakes, now), tokens: createSharedCache(maxTokens, now), versions: new Map() };
  const enter: PullAccesses['enter'] = async (source, handshake) => {
    const { login } = handshake;
    if (login?.scheme === 'bearer') return enterWithToken(state, source, handshake, login);
    if (login === undefined) return { handshake, authorization: undefined, token: undefined };
    const credential = await source.credential?.();
    // Some registries that challenge on `/v2/` serve public repositories all the same.
    return { handshake, authorization: credential && basicAuthorization(credential), token: undefined };
  };
  return {
    enter,
    verdict,
    async greet(source) {
      forgetOldVersions(state, source);
      return (await state.handshakes.get(keyOf(source), () => shakeHands(tools, source))).value;
    },
    async reenter(source, refused, challenge) {
      const handshake = relearn(state, source, refused.handshake, challenge);
      const { token } = refused;
      if (token !== undefined) state.tokens.drop(token.key, token.value);
      if (handshake === undefined && token?.wasCached !== true) throw verdict(source, refused);
      return enter(source, handshake ?? refused.handshake);
    },
  };
}

interface State {
  readonly tools: PullTools;
  readonly handshakes: SharedCache<Handshake>;
  readonly tokens: SharedCache<CachedToken>;
  /** The newest version seen of each registry. */
  readonly versions: Map<string, number>;
}

/** Anonymous pulls have a key of their own: their tokens are never those of a credential. */
function keyOf({ host, registry }: PullSource): string {
  return `${registryKey(registry)} ${host}`;
}

function registryKey(registry: PullSource['registry']): string {
  return registry === null ? 'anonymous' : `${registry.id}@${registry.version}`;
}

/** Keys hold the version, so nothing old is ever used; this drops it from memory as well. */
function forgetOldVersions({ versions, tokens, handshakes }: State, { registry }: PullSource): void {
  if (registry === null || (versions.get(registry.id) ?? 0) >= registry.version) return;
  // Only a hint what to sweep, so losing it costs nothing.
  if (versions.size > maxTokens) versions.clear();
  versions.set(registry.id, registry.version);
  const isOld = (key: string) => key.startsWith(`${registry.id}@`) && !key.startsWith(`${registryKey(registry)} `);
  tokens.dropWhere(isOld);
  handshakes.dropWhere(isOld);
}

/** Asks `/v2/` without a credential. A password for Basic is tried here, alone, before many pulls at once could send a wrong one. */
async function shakeHands(tools: PullTools, source: PullSource): Promise<Fresh<Handshake>> {
  const { registry } = source;
  if (registry !== null && registry.type !== 'DOCKER_V2') throw new UpstreamFailure('NATIVE_CREDENTIAL_ERROR', { reason: registry.type });
  const credential = await source.credential?.();
  const conversation = converse(tools, source, credential);
  const { endpoint, answer } = await ping(conversation);
  const challenge = readChallenge(conversation, answer);
  const login = challenge && admitLogin(conversation, endpoint, challenge);
  if (login?.scheme === 'basic' && credential !== undefined) {
    const { status } = await ask(conversation, pingUrl(endpoint), basicAuthorization(credential));
    if (status === 401) throw new UpstreamFailure('INVALID_CREDENTIALS', {});
  }
  return { value: { endpoint, login }, untilMs: tools.settings.now().getTime() + handshakeLifetimeMs };
}

async function enterWithToken(state: State, source: PullSource, handshake: Handshake, login: BearerLogin): Promise<PullAccess> {
  const scope = pullScope(source.repository);
  const key = [keyOf(source), handshake.endpoint.origin, login.realm.href, login.service ?? '', scope].join(' ');
  const { value, wasCached } = await state.tokens.get(key, () => fetchToken(state.tools, source, login, scope));
  return { handshake, authorization: bearerAuthorization(value.token), token: { key, value, wasCached } };
}

async function fetchToken(tools: PullTools, source: PullSource, login: BearerLogin, scope: string): Promise<Fresh<CachedToken>> {
  const credential = await source.credential?.();
  const conversation = converse(tools, source, credential);
  const reply = await askForToken(conversation, login, scope, credential);
  if (!reply.granted) {
    const { status } = reply.answer;
    if (source.registry === null && (status === 401 || status === 403)) throw loginRequired(source);
    // A 403 to a credential that a check has proven speaks of the repository; a 401 always speaks of the credential.
    const wasProven = status === 403 && source.registry?.lastValidation?.outcome === 'VALID';
    throw tokenRefusal(conversation, reply.answer, login.realm, wasProven);
  }
  const { token, expiresInSeconds } = reply.token;
  const receivedMs = tools.settings.now().getTime();
  const lifetimeMs = expiresInSeconds * 1000;
  return { value: { token, expiresMs: receivedMs + lifetimeMs }, untilMs: receivedMs + lifetimeMs - Math.min(refreshMarginMs, lifetimeMs / 5) };
}

/** The handshake that a 401 of a repository asks for, when it is another one than before. */
function relearn({ tools, handshakes }: State, source: PullSource, known: Handshake, header: string | readonly string[] | undefined): Handshake | undefined {
  const challenge = pickChallenge(parseChallenges(header));
  if (challenge === undefined) return undefined;
  const login = admitLogin(converse(tools, source, undefined), known.endpoint, challenge);
  if (isSameLogin(login, known.login)) return undefined;
  const handshake = { endpoint: known.endpoint, login };
  handshakes.set(keyOf(source), { value: handshake, untilMs: tools.settings.now().getTime() + handshakeLifetimeMs });
  return handshake;
}

function isSameLogin(one: Login, other: Login | undefined): boolean {
  if (one.scheme === 'basic' || other?.scheme !== 'bearer') return one.scheme === other?.scheme;
  return one.realm.href === other.realm.href && one.service === other.service;
}

function verdict(source: PullSource, { handshake }: PullAccess): Error {
  if (source.registry === null) return loginRequired(source);
  if (handshake.login === undefined) return new UpstreamFailure('UNSUPPORTED_CHALLENGE', { reason: 'its refusal names no scheme' });
  return new UpstreamFailure(handshake.login.scheme === 'basic' ? 'INVALID_CREDENTIALS' : 'INSUFFICIENT_SCOPE', {});
}

function loginRequired({ host, repository }: PullSource): Problem {
  return new Problem('UPSTREAM_FAILED', `${host} does not let anonymous clients pull ${repository}, and no registry covers it here. Add a registry for it.`, {
    reason: 'LOGIN_REQUIRED',
  });
}
