// Follows a registry's redirect to its storage: without credentials, through the same egress rules, not for long.

import { UpstreamFailure } from '../errors/failure.ts';
import { isPlainHttpHost } from '../login/endpoint.ts';
import type { StreamResponse } from '../transport/client.ts';
import { discard, type PullExchange, type UpstreamExchange, send } from './request.ts';

/** Registries redirect once, to a signed address; a mirror in front of them once more. */
const maxHops = 3;

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function isRedirect({ status }: StreamResponse): boolean {
  return redirects.has(status);
}

/**
 * Asks where the redirect leads, with the same method and range and no credential. What a 401 from there asks for is never given.
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
 * Where a redirect leads; a relative one is meant from where it came.
 * @throws UpstreamFailure for an address without TLS, unless the registry itself is spoken to so and the host is permitted.
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

/** The host alone is named: the address may be a signed one, which is a credential. */
function unusable({ source }: PullExchange, reason: string): UpstreamFailure {
  return new UpstreamFailure('UPSTREAM_ERROR', { host: source.host, reason });
}
