// Learns how an upstream registry authenticates pulls: once, and again after a 401 with another challenge.

import type { PullSource } from '../../core/pulls/pull.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { type Endpoint, pingUrl } from '../login/endpoint.ts';
import { basicAuthorization, parseChallenges, pickChallenge } from '../login/http-authentication.ts';
import { admitLogin, type Login, readChallenge } from '../login/login.ts';
import { ping } from '../login/ping.ts';
import { getFromRegistry } from '../login/session.ts';
import { openPullSession, type PullContext } from './request.ts';
import type { Fresh, SingleFlightCache } from './single-flight-cache.ts';

/** Where a registry is and how it authenticates clients; `login` is undefined while it requires nothing. */
export interface Handshake {
  readonly endpoint: Endpoint;
  readonly login: Login | undefined;
}

/** Milliseconds. A registry seldom changes its scheme, and a 401 with another challenge is believed at once. */
const handshakeLifetimeMs = 10 * 60 * 1000;

/** Entries of less than 1 KiB each. */
export const maxHandshakes = 1_000;

/** Returns the cache key of a source. Anonymous pulls have keys of their own: their tokens are never those of a credential. */
export function keyOf({ host, registry }: PullSource): string {
  return `${registryKey(registry)} ${host}`;
}

/** Returns the part of a cache key that names the registry and its version. */
export function registryKey(registry: PullSource['registry']): string {
  return registry === null ? 'anonymous' : `${registry.id}@${registry.version}`;
}

/**
 * Pings `/v2/` without a credential. Tries a password for Basic here, in one request, before many pulls at once could send a wrong one.
 * @throws UpstreamFailure
 */
export async function learnHandshake(context: PullContext, source: PullSource): Promise<Fresh<Handshake>> {
  const { registry } = source;
  if (registry !== null && registry.type !== 'DOCKER_V2')
    throw new UpstreamFailure('NATIVE_CREDENTIAL_ERROR', { reason: registry.type });
  const credential = await source.credential?.();
  const session = openPullSession(context, source, credential);
  const { endpoint, response } = await ping(session);
  const challenge = readChallenge(session, response);
  const login = challenge && admitLogin(session, endpoint, challenge);
  if (login?.scheme === 'basic' && credential !== undefined) {
    const { status } = await getFromRegistry(session, pingUrl(endpoint), basicAuthorization(credential));
    if (status === 401) throw new UpstreamFailure('INVALID_CREDENTIALS', {});
  }
  return { value: { endpoint, login }, untilMs: context.settings.now().getTime() + handshakeLifetimeMs };
}

/** Returns and caches the handshake that a repository's 401 requires, or undefined if it is the known one. @throws UpstreamFailure */
export function relearn(
  context: PullContext,
  handshakes: SingleFlightCache<Handshake>,
  source: PullSource,
  known: Handshake,
  header: string | readonly string[] | undefined,
): Handshake | undefined {
  const challenge = pickChallenge(parseChallenges(header));
  if (challenge === undefined) return undefined;
  const login = admitLogin(openPullSession(context, source, undefined), known.endpoint, challenge);
  if (isSameLogin(login, known.login)) return undefined;
  const handshake = { endpoint: known.endpoint, login };
  handshakes.set(keyOf(source), { value: handshake, untilMs: context.settings.now().getTime() + handshakeLifetimeMs });
  return handshake;
}

function isSameLogin(one: Login, other: Login | undefined): boolean {
  if (one.scheme === 'basic' || other?.scheme !== 'bearer') return one.scheme === other?.scheme;
  return one.realm.href === other.realm.href && one.service === other.service;
}
