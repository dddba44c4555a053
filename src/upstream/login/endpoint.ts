// Maps a registry's host to its URLs, and decides when plain HTTP may be used.

import { isLoopbackHost } from '../../core/registry/host.ts';
import { Problem } from '../../core/shared/problem.ts';

export interface Endpoint {
  /** Canonical `host[:port]` of the registry, as stored and shown. */
  readonly host: string;
  /** `https://registry-1.docker.io`. */
  readonly origin: string;
}

/** Maps names to the hosts where their registries listen. */
const networkHosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/**
 * Returns the HTTPS endpoint of a canonical `host[:port]`.
 * @throws Problem `INVALID_REGISTRY` for a host that a URL would parse as another one, before anything is sent.
 */
export function endpointOf(host: string): Endpoint {
  const networkHost = networkHosts[host] ?? host;
  // The canonical form of a single-label host has ":443"; a URL omits it.
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

/** Returns the same host and port without TLS; the port stays 443 if none is named. */
export function plainHttpEndpoint(endpoint: Endpoint): Endpoint {
  const url = new URL(endpoint.origin);
  const port = url.port === '' ? '443' : url.port;
  return { host: endpoint.host, origin: new URL(`http://${url.hostname}:${port}`).origin };
}

/**
 * Returns whether plain HTTP may be used for this host once its record has secureConnection off.
 * @param plainHttpHosts `host` for any port of it, or `host:port`.
 */
export function isPlainHttpHost(url: URL, plainHttpHosts: readonly string[]): boolean {
  return isLoopbackHost(url.hostname) || isNamedHost(url, plainHttpHosts);
}

/** Returns whether a setting names the host of a URL. @param hosts `host` for any port of it, or `host:port`. */
export function isNamedHost(url: URL, hosts: readonly string[]): boolean {
  // A URL omits the default port of its scheme, which a setting may name.
  const defaultPort = url.protocol === 'https:' ? '443' : '80';
  const named = [url.hostname, url.host, `${url.hostname}:${url.port === '' ? defaultPort : url.port}`];
  return hosts.some((host) => named.includes(host));
}

/** Returns whether a host that was contacted is the registry itself, and not its token server or its storage. @param host `host[:port]` of a URL. */
export function isRegistryHost(registry: string, host: string): boolean {
  return host === registry || host === new URL(endpointOf(registry).origin).host;
}

/** Returns the root of the API, with the slash: without it some registries redirect and some send 404. */
export function pingUrl(endpoint: Endpoint): URL {
  return new URL('/v2/', endpoint.origin);
}

/**
 * Returns the URL of the cheapest request that requires pull access to a repository, or to the catalog if it is null. A manifest GET would count
 * against Docker Hub's limits.
 */
export function repositoryUrl(endpoint: Endpoint, repository: string | null): URL {
  if (repository === null) return new URL('/v2/_catalog?n=1', endpoint.origin);
  return new URL(`/v2/${repository}/tags/list?n=1`, endpoint.origin);
}
