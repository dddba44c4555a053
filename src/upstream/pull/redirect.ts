// Follows a registry's redirects: with the login within its origin, without it to its storage, under the same egress policy, at most three times.

import type { Secret } from '../../core/shared/secret.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { isPlainHttpHost } from '../login/endpoint.ts';
import { redirectWithin } from '../login/session.ts';
import { firstHeader, type StreamResponse } from '../transport/client.ts';
import { discard, type PullExchange, type UpstreamExchange } from './request.ts';
import { sendToRegistry, sendToStorage } from './storage.ts';

/** Registries redirect once, to a signed URL; a mirror in front of them once more. */
const maxHops = 3;

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Returns whether a response redirects (RFC 9110 §15.4). */
function isRedirect({ status }: StreamResponse): boolean {
  return redirects.has(status);
}

/**
 * Sends the request of a pull and follows its redirects within the origin, with the same login (RFC 9110 §15.4), method and range.
 * @throws UpstreamFailure
 */
export async function sendWithinOrigin(
  exchange: PullExchange,
  url: URL,
  authorization: Secret | undefined,
): Promise<UpstreamExchange> {
  let upstream = await sendToRegistry(exchange, url, authorization);
  while (isRedirect(upstream.response) && upstream.hops < maxHops) {
    const target = redirectWithin(upstream.url, firstHeader(upstream.response, 'location'));
    if (target === undefined) return upstream;
    discard(upstream.response);
    upstream = { ...(await sendToRegistry(exchange, target, authorization)), hops: upstream.hops + 1 };
  }
  return upstream;
}

/** The end of a registry's redirects: a response, or the address that the client is redirected to instead. */
interface Followed {
  readonly final: UpstreamExchange;
  readonly location: URL | undefined;
}

/**
 * Requests the addresses of other origins that a registry redirects to, with the same method and range and without a login, from there on. A 401
 * from there is never answered with one.
 * @param mode `pass` to return the address instead.
 * @throws UpstreamFailure
 */
export async function followToStorage(
  exchange: PullExchange,
  start: UpstreamExchange,
  mode: 'follow' | 'pass',
): Promise<Followed> {
  let upstream = start;
  while (isRedirect(upstream.response)) {
    const { hops } = upstream;
    if (hops === maxHops) {
      discard(upstream.response);
      throw unusable(exchange, `it redirects more than ${maxHops} times`);
    }
    const target = redirectTarget(exchange, start, upstream);
    discard(upstream.response);
    if (mode === 'pass') return { final: upstream, location: target };
    upstream = { ...(await sendToStorage(exchange, target)), isStorage: true, hops: hops + 1 };
  }
  return { final: upstream, location: undefined };
}

/**
 * Returns the target of a redirect; a relative one is resolved against the redirecting URL.
 * @throws UpstreamFailure for a target without TLS, unless the registry itself is contacted over plain HTTP and the host is allowed.
 */
function redirectTarget(exchange: PullExchange, start: UpstreamExchange, { response, url }: UpstreamExchange): URL {
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
