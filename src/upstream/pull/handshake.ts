// Learns how an upstream registry authenticates pulls: once for the host, from `/v2/`, and once for each repository that requires another login.

import type { PullSource } from '../../core/pulls/pull.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { type Endpoint, pingUrl, repositoryUrl } from '../login/endpoint.ts';
import { basicAuthorization } from '../login/http-authentication.ts';
import { type Login, negotiate } from '../login/login.ts';
import { ping } from '../login/ping.ts';
import { getFromRegistry, type RegistrySession } from '../login/session.ts';
import { openPullSession, type PullContext } from './request.ts';
import type { Fresh } from './single-flight-cache.ts';

/** Where a registry is and how it authenticates clients; `login` is undefined while `/v2/` requires nothing, or does not say. */
export interface Handshake {
  readonly endpoint: Endpoint;
  readonly login: Login | undefined;
  /** The URL that accepts the credential by Basic: `/v2/`, or a repository where a proxy has a password for each path. */
  readonly witness: URL;
}

/** Milliseconds. A registry seldom changes its scheme, and a 401 with another challenge is believed at once. */
export const handshakeLifetimeMs = 10 * 60 * 1000;

/** Entries of less than 1 KiB each. */
export const maxHandshakes = 1_000;

/** Returns the cache key of a source. Anonymous pulls have keys of their own: their tokens are never those of a credential. */
export function keyOf({ host, registry, loginGeneration = 0 }: PullSource): string {
  return `${registryKey(registry)} ${host}${loginGeneration === 0 ? '' : `#${loginGeneration}`}`;
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
  const { registry, repository } = source;
  if (registry !== null && registry.type !== 'DOCKER_V2')
    throw new UpstreamFailure('NATIVE_CREDENTIAL_ERROR', { reason: registry.type });
  const credential = await source.credential?.();
  const session = openPullSession(context, source, credential);
  const { endpoint, response, isSilent } = await ping(session, repository);
  const login = isSilent ? undefined : negotiate(session, endpoint, response);
  const witness =
    login?.scheme === 'basic' && credential !== undefined
      ? await context.gate.pass(source, 'basic', () => findWitness(session, source, endpoint, credential))
      : pingUrl(endpoint);
  return {
    value: { endpoint, login, witness },
    lifetimeMs: handshakeLifetimeMs,
  };
}

/** Returns the URL that accepts the password. @throws UpstreamFailure `INVALID_CREDENTIALS` if none does */
async function findWitness(
  session: RegistrySession,
  { registry, repository }: PullSource,
  endpoint: Endpoint,
  credential: Credential,
): Promise<URL> {
  const isRejected = async (url: URL, authorization?: Secret) =>
    (await getFromRegistry(session, url, authorization)).status === 401;
  const authorization = basicAuthorization(credential);
  const base = pingUrl(endpoint);
  if (!(await isRejected(base, authorization))) return base;
  // A credential for a path can be one that only the path accepts. A response that every caller gets there says nothing.
  const witness = repositoryUrl(endpoint, repository);
  const isWholeHost = (registry?.repository ?? null) === null;
  if (isWholeHost || (await isRejected(witness, authorization)) || !(await isRejected(witness)))
    throw new UpstreamFailure('INVALID_CREDENTIALS', {});
  return witness;
}
