// Sends the anonymous `GET /v2/` that begins every conversation: finds out whether a registry answers, and over which channel, before any credential is sent.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support

import { UpstreamFailure } from '../errors/failure.ts';
import { jsonBody, type UpstreamResponse } from '../transport/client.ts';
import { type Endpoint, endpointOf, isPlainHttpHost, pingUrl, plainHttpEndpoint } from './endpoint.ts';
import { isWebPage, pingRefusal } from './refusal.ts';
import { getFromRegistry, type RegistrySession } from './session.ts';

interface Ping {
  /** Where the registry was found: over plain HTTP only if that is allowed. */
  readonly endpoint: Endpoint;
  /** HTTP 200 or 401. */
  readonly response: UpstreamResponse;
}

/**
 * Returns the registry's response to the anonymous ping (distribution-spec "Determining Support").
 * @throws UpstreamFailure if there is no usable registry.
 */
export async function ping(session: RegistrySession): Promise<Ping> {
  const { endpoint, response } = await reach(session, endpointOf(session.target.host));
  const url = pingUrl(endpoint);
  if (response.status !== 401 && response.status !== 200) throw pingRefusal(session, response, url);
  if (response.status === 200 && !hasRegistrySign(response)) {
    throw new UpstreamFailure('NOT_A_V2_REGISTRY', {
      host: url.host,
      reason: 'the response at /v2/ is not that of the API',
    });
  }
  session.steps?.finish(
    'PASSED',
    `${url.href} answers HTTP ${response.status}${response.status === 401 ? ': authentication required' : ''}.`,
  );
  return { endpoint, response };
}

async function reach(session: RegistrySession, endpoint: Endpoint): Promise<Ping> {
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
    throw new UpstreamFailure('PLAIN_HTTP', { host: target.host, secureConnection, plainHttpPermitted }, cause);
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
