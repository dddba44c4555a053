// Sends the anonymous `GET /v2/` that begins every conversation: finds out whether a registry answers, and over which channel, before any credential is sent.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support

import { UpstreamFailure } from '../errors/failure.ts';
import { jsonBody, type UpstreamResponse } from '../transport/client.ts';
import { type Endpoint, endpointOf, isPlainHttpHost, pingUrl, plainHttpEndpoint, repositoryUrl } from './endpoint.ts';
import { parseChallenges, pickChallenge } from './http-authentication.ts';
import { isWebPage, pingRefusal } from './refusal.ts';
import { getFromRegistry, type RegistrySession } from './session.ts';

interface Reached {
  /** Where the registry was found: over plain HTTP only if that is allowed. */
  readonly endpoint: Endpoint;
  readonly response: UpstreamResponse;
}

interface Ping extends Reached {
  /** Whether only a repository says how to log in, because `/v2/` does not: then `response` says nothing. Else it is HTTP 200 or 401. */
  readonly isSilent: boolean;
}

/**
 * Returns the registry's response to the anonymous ping (distribution-spec "Determining Support").
 * @param repository Requested, also anonymously, where `/v2/` is not that of the API: some proxies pass repositories only, and clients such as
 * containerd never request `/v2/`. Null to request none.
 * @throws UpstreamFailure if there is no usable registry.
 */
export async function ping(session: RegistrySession, repository: string | null): Promise<Ping> {
  const { endpoint, response } = await reach(session, endpointOf(session.target.host));
  const url = pingUrl(endpoint);
  const failure = failureOfPing(session, response, url);
  const isSilent = failure !== undefined || (response.status === 401 && !hasChallenge(response));
  if (isSilent && repository !== null && (await speaksInRepository(session, endpoint, repository, failure))) {
    session.steps?.finish('WARNED', `${url.href} answers HTTP ${response.status}; ${repository} answers as the API.`);
    return { endpoint, response, isSilent };
  }
  if (failure !== undefined) throw failure;
  session.steps?.finish(
    'PASSED',
    `${url.href} answers HTTP ${response.status}${response.status === 401 ? ': authentication required' : ''}.`,
  );
  return { endpoint, response, isSilent: false };
}

/** Returns why a response to the ping is not that of the API, or undefined. */
function failureOfPing(session: RegistrySession, response: UpstreamResponse, url: URL): UpstreamFailure | undefined {
  if (response.status !== 401 && response.status !== 200) return pingRefusal(session, response, url);
  if (response.status === 401 || hasRegistrySign(response)) return undefined;
  return new UpstreamFailure('NOT_A_V2_REGISTRY', {
    host: url.host,
    reason: 'the response at /v2/ is not that of the API',
  });
}

/** Failures of the ping that are about `/v2/` and not about the server. */
const aboutPath: ReadonlySet<string> = new Set(['NOT_A_V2_REGISTRY', 'UPSTREAM_FORBIDDEN']);

/** Returns whether a repository answers an anonymous client as the API does: with its content, or with a challenge. */
async function speaksInRepository(
  session: RegistrySession,
  endpoint: Endpoint,
  repository: string,
  failure: UpstreamFailure | undefined,
): Promise<boolean> {
  if (failure !== undefined && !aboutPath.has(failure.outcome)) return false;
  try {
    const response = await getFromRegistry(session, repositoryUrl(endpoint, repository));
    return response.status === 401 ? hasChallenge(response) : Array.isArray(jsonBody(response)?.['tags']);
  } catch (error) {
    // The failure of the ping says more.
    if (error instanceof UpstreamFailure) return false;
    throw error;
  }
}

function hasChallenge({ headers }: UpstreamResponse): boolean {
  return pickChallenge(parseChallenges(headers['www-authenticate'])) !== undefined;
}

async function reach(session: RegistrySession, endpoint: Endpoint): Promise<Reached> {
  try {
    return { endpoint, response: await getFromRegistry(session, pingUrl(endpoint)) };
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || error.outcome !== 'PLAIN_HTTP') throw error;
    const plain = permittedPlainHttp(session, endpoint, error);
    return { endpoint: plain, response: await getFromRegistry(session, pingUrl(plain)) };
  }
}

/** Returns the plain HTTP endpoint, only if the port itself showed that it uses no TLS, and both the record and the operator allow it. */
function permittedPlainHttp(
  { target, plainHttpHosts, steps }: RegistrySession,
  endpoint: Endpoint,
  cause: UpstreamFailure,
): Endpoint {
  const { secureConnection } = target;
  const plainHttpPermitted = isPlainHttpHost(new URL(endpoint.origin), plainHttpHosts);
  if (secureConnection || !plainHttpPermitted) {
    const { facts } = cause;
    throw new UpstreamFailure(
      'PLAIN_HTTP',
      { ...facts, host: target.host, secureConnection, plainHttpPermitted },
      cause,
    );
  }
  steps?.finish(
    'WARNED',
    'The port uses plain HTTP, which is allowed for this host: the password is sent unencrypted.',
  );
  steps?.start('PING');
  return plainHttpEndpoint(endpoint);
}

/** Whether a 200 is from the API, because web servers send 200 for anything: it has the old version header, no body, or a JSON object. */
function hasRegistrySign(response: UpstreamResponse): boolean {
  const isVersioned = response.headers['docker-distribution-api-version'] !== undefined;
  return isVersioned || (response.body.length === 0 && !isWebPage(response)) || jsonBody(response) !== undefined;
}
