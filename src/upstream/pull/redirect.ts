// Follows a registry's redirects to its storage: without credentials, under the same egress policy, at most three times.

import { UpstreamFailure } from '../errors/failure.ts';
import { isPlainHttpHost } from '../login/endpoint.ts';
import type { StreamResponse } from '../transport/client.ts';
import { discard, type PullExchange, type UpstreamExchange, send } from './request.ts';

/** Registries redirect once, to a signed URL; a mirror in front of them once more. */
const maxHops = 3;

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Returns whether a response redirects (RFC 9110 §15.4). */
export function isRedirect({ status }: StreamResponse): boolean {
  return redirects.has(status);
}

/**
 * Requests the address of the redirect, with the same method and range and without a credential. A 401 from there is never answered with one.
 * @throws UpstreamFailure
 */
export async function followRedirects(exchange: PullExchange, start: UpstreamExchange): Promise<UpstreamExchange> {
  let upstream = start;
  for (let hop = 0; hop < maxHops; hop += 1) {
    const target = redirectTarget(exchange, start, upstream);
    discard(upstream.response);
    upstream = await send(exchange, target, undefined);
    if (!isRedirect(upstream.response)) return upstream;
  }
  discard(upstream.response);
  throw unusable(exchange, `it redirects more than ${maxHops} times`);
}

/**
 * Returns the target of a redirect; a relative one is resolved against the redirecting URL.
 * @throws UpstreamFailure for a target without TLS, unless the registry itself is contacted over plain HTTP and the host is allowed.
 */
export function redirectTarget(
  exchange: PullExchange,
  start: UpstreamExchange,
  { response, url }: UpstreamExchange,
): URL {
  const { location } = response.headers;
  const target = typeof location === 'string' ? URL.parse(location, url) : null;
  const refusal = target === null ? 'it redirects to no address' : refusalOf(exchange, start, target);
  if (target !== null && refusal === undefined) {
    target.hash = '';
    return target;
  }
  discard(response);
  throw unusable(exchange, refusal ?? '');
}

function refusalOf({ context }: PullExchange, start: UpstreamExchange, target: URL): string | undefined {
  if (target.username !== '' || target.password !== '') return 'it redirects to an address with a login in it';
  if (target.protocol === 'https:') return undefined;
  const isPlain = target.protocol === 'http:' && start.url.protocol === 'http:';
  return isPlain && isPlainHttpHost(target, context.settings.plainHttpHosts)
    ? undefined
    : 'it redirects to an address without TLS';
}

/** Names only the host, because a signed URL is a credential. */
function unusable({ source }: PullExchange, reason: string): UpstreamFailure {
  return new UpstreamFailure('UPSTREAM_ERROR', { host: source.host, reason });
}
