// The anonymous `GET /v2/` with which every check begins: is a registry there, and over which channel. No credential leaves before it is judged.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support

import { UpstreamFailure } from '../errors/failure.ts';
import { jsonBody, type UpstreamResponse } from '../transport/client.ts';
import { type Endpoint, endpointOf, isPlainHttpHost, pingUrl, plainHttpEndpoint } from './endpoint.ts';
import { isWebPage, pingRefusal } from './refusal.ts';
import { getFromRegistry, type RegistrySession } from './session.ts';

interface Ping {
  /** Where the registry turned out to be: plain HTTP only when that was permitted. */
  readonly endpoint: Endpoint;
  /** HTTP 200 or 401. */
  readonly answer: UpstreamResponse;
}

/** @throws UpstreamFailure when there is no registry to talk to. */
export async function ping(session: RegistrySession): Promise<Ping> {
  const { endpoint, answer } = await reach(session, endpointOf(session.target.host));
  const url = pingUrl(endpoint);
  if (answer.status !== 401 && answer.status !== 200) throw pingRefusal(session, answer, url);
  if (answer.status === 200 && !hasRegistrySign(answer)) {
    throw new UpstreamFailure('NOT_A_V2_REGISTRY', { host: url.host, reason: 'what answers at /v2/ is not its API' });
  }
  session.steps.finish(
    'PASSED',
    `${url.href} answers HTTP ${answer.status}${answer.status === 401 ? ': it wants a login' : ''}.`,
  );
  return { endpoint, answer };
}

async function reach(session: RegistrySession, endpoint: Endpoint): Promise<Ping> {
  try {
    return { endpoint, answer: await getFromRegistry(session, pingUrl(endpoint)) };
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || error.outcome !== 'PLAIN_HTTP') throw error;
    const plain = permittedPlainHttp(session, endpoint, error);
    return { endpoint: plain, answer: await getFromRegistry(session, pingUrl(plain)) };
  }
}

/** Falls back only when the port itself showed that it speaks no TLS, and both the record and the operator permit it. */
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
  steps.finish(
    'WARNED',
    'The port speaks plain HTTP, which is permitted for this host: the password travels readable.',
  );
  steps.start('PING');
  return plainHttpEndpoint(endpoint);
}

/** A 200 needs a sign of the API, since web servers answer it to anything: the old version header, or no body, or a JSON one. */
function hasRegistrySign(answer: UpstreamResponse): boolean {
  const isVersioned = answer.headers['docker-distribution-api-version'] !== undefined;
  return isVersioned || (answer.body.length === 0 && !isWebPage(answer)) || jsonBody(answer) !== undefined;
}
