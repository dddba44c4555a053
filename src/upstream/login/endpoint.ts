// Where a registry is on the network, and when it may be spoken to without TLS.

import { isLoopbackHost } from '../../core/registry/host.ts';
import { Problem } from '../../core/shared/problem.ts';

export interface Endpoint {
  /** Canonical `host[:port]` of the registry, as stored and shown. */
  readonly host: string;
  /** `https://registry-1.docker.io`. */
  readonly origin: string;
}

/** Docker Hub's name is not where its registry listens. */
const networkHosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/**
 * The HTTPS endpoint of a canonical `host[:port]`.
 * @throws Problem `INVALID_REGISTRY` for text that a URL would read as another host, so nothing is ever sent to that one.
 */
export function endpointOf(host: string): Endpoint {
  const networkHost = networkHosts[host] ?? host;
  // A single-label host keeps its ":443" in canonical text; a URL drops it.
  const text = `https://${networkHost.replace(/:443$/, '')}`;
  const origin = URL.parse(text)?.origin;
  if (origin !== text) {
    throw new Problem('INVALID_REGISTRY', `"${host.slice(0, 255)}" is not a canonical host[:port].`, {
      reason: 'HOST_NOT_CANONICAL',
      field: ['registry'],
    });
  }
  return { host, origin };
}

/** The same host and port without TLS: 443 stays the port when none was given. */
export function plainHttpEndpoint(endpoint: Endpoint): Endpoint {
  const url = new URL(endpoint.origin);
  const port = url.port === '' ? '443' : url.port;
  return { host: endpoint.host, origin: new URL(`http://${url.hostname}:${port}`).origin };
}

/**
 * Whether this host may be spoken to without TLS, once its record has turned secureConnection off.
 * @param plainHttpHosts `host` for any port of it, or `host:port`.
 */
export function isPlainHttpHost(url: URL, plainHttpHosts: readonly string[]): boolean {
  return isLoopbackHost(url.hostname) || plainHttpHosts.some((host) => host === url.hostname || host === url.host);
}

/** The API's root, with the slash: without it some registries redirect and some answer 404. */
export function pingUrl(endpoint: Endpoint): URL {
  return new URL('/v2/', endpoint.origin);
}

/** The cheapest request that needs pull rights on a repository; a manifest GET would count against Docker Hub's limits. */
export function repositoryUrl(endpoint: Endpoint, repository: string): URL {
  return new URL(`/v2/${repository}/tags/list?n=1`, endpoint.origin);
}
