// Follows a registry's redirects: with the login within its origin, without it to its storage and no further than public hosts, at most three times.

import type { Secret } from '../../core/shared/secret.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { endpointOf, isNamedHost, isPlainHttpHost } from '../login/endpoint.ts';
import { createRedactor, repeats } from '../login/redact.ts';
import { redirectWithin } from '../login/session.ts';
import type { Reach } from '../transport/addresses/guard.ts';
import { firstHeader, type StreamResponse } from '../transport/client.ts';
import { isLoopbackHost } from '../../core/registry/host.ts';
import { discard, type PullExchange, send, type UpstreamExchange } from './request.ts';
import { isPlaceOf } from './redirected-content.ts';

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
    const answered = await sendToStorage(asWhole(exchange), target, reachOf(exchange, target)).catch((error: unknown) =>
      withoutEcho(exchange, error),
    );
    upstream = { ...answered, sent: start.sent, isStorage: true, hops: hops + 1 };
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

function refusalOf({ context, request }: PullExchange, start: UpstreamExchange, target: URL): string | undefined {
  const hasLogin = target.username !== '' || target.password !== '' || repeats(start.sent, target.href);
  if (hasLogin) return 'it redirects to an address with a login in it';
  // Of an address that only a redirect names, nothing but the API of a registry is read and passed on, or blobs, which have a digest.
  if (!isPlaceOf(request.kind, target)) return 'it redirects to an address that is not of the same kind below /v2/';
  if (target.protocol === 'https:') return undefined;
  const isPlain = target.protocol === 'http:' && start.url.protocol === 'http:';
  return isPlain && isPlainHttpHost(target, context.settings.plainHttpHosts)
    ? undefined
    : 'it redirects to an address without TLS';
}

/**
 * Returns how far a redirect may lead: to any address on the host of the registry or on a host that a setting names, and to public addresses on
 * every other host. Otherwise the owner of a registry could send requests to every machine that this one reaches.
 */
function reachOf({ source, context }: PullExchange, target: URL): Reach {
  const { hostname } = new URL(endpointOf(source.host).origin);
  if (target.hostname === hostname || isNamedHost(target, context.settings.redirectHosts ?? [])) return 'ANY';
  return isLoopbackHost(hostname) ? 'PUBLIC_OR_LOOPBACK' : 'PUBLIC';
}

/** Returns the exchange with a request whose answer can be judged: for a manifest or a list without a range and a content coding. */
function asWhole(exchange: PullExchange): PullExchange {
  const { request } = exchange;
  if (request.kind === 'blobs') return exchange;
  const { range: _range, 'if-range': _ifRange, ...headers } = request.headers;
  return { ...exchange, request: { ...request, headers: { ...headers, 'accept-encoding': 'identity' } } };
}

/** Rethrows an error about a redirect's target without its host if that repeats the credential, which the registry was sent. */
async function withoutEcho({ source }: PullExchange, error: unknown): Promise<never> {
  if (!(error instanceof UpstreamFailure) || error.facts.host === undefined) throw error;
  const shown = createRedactor(await source.credential?.())(error.facts.host);
  throw new UpstreamFailure(error.outcome, { ...error.facts, host: shown ?? 'an address that it redirects to' }, error);
}

/** Names only the host, because a signed URL is a credential. */
function unusable({ source }: PullExchange, reason: string): UpstreamFailure {
  return new UpstreamFailure('UPSTREAM_ERROR', { host: source.host, reason });
}

/** Statuses of a server without HEAD (RFC 9110 §15.5.6, §15.6.2). */
const withoutHead: ReadonlySet<number> = new Set([405, 501]);

/** Statuses of a storage address that is not signed for HEAD: many are signed only for GET, and S3 and GCS then respond with 403. */
const unsignedForHead: ReadonlySet<number> = new Set([400, 401, 403, ...withoutHead]);

/** Sends the request of the pull to the registry. @throws UpstreamFailure */
function sendToRegistry(
  exchange: PullExchange,
  url: URL,
  authorization: Secret | undefined,
): Promise<UpstreamExchange> {
  return sendOrGet(exchange, url, authorization, { refusals: withoutHead, reach: 'ANY' });
}

/** Sends the request of the pull to the storage, without a login. @param reach Where the connection may lead. @throws UpstreamFailure */
function sendToStorage(exchange: PullExchange, target: URL, reach: Reach): Promise<UpstreamExchange> {
  return sendOrGet(exchange, target, undefined, { refusals: unsignedForHead, reach });
}

interface SendOptions {
  /** The statuses that refuse HEAD. */
  readonly refusals: ReadonlySet<number>;
  readonly reach: Reach;
}

/** Sends the request of the pull. Answers a refused HEAD from the head of a GET. */
async function sendOrGet(
  exchange: PullExchange,
  target: URL,
  authorization: Secret | undefined,
  { refusals, reach }: SendOptions,
): Promise<UpstreamExchange> {
  const upstream = await send(exchange, target, authorization, reach);
  if (exchange.request.method !== 'HEAD' || !refusals.has(upstream.response.status)) return upstream;
  discard(upstream.response);
  const headers = { ...exchange.request.headers, range: 'bytes=0-0' };
  const ranged = await send(
    { ...exchange, request: { ...exchange.request, method: 'GET', headers } },
    target,
    authorization,
    reach,
  );
  return { ...ranged, response: withoutRange(ranged.response) };
}

/** Returns the response as it would be to the whole: the length is that of the content (RFC 9110 §14.4), and 416 to the first byte means that it has none. */
function withoutRange(response: StreamResponse): StreamResponse {
  const { 'content-range': range, ...headers } = response.headers;
  const [, length] = /^bytes (?:0-0|\*)\/(\d{1,16})$/.exec(typeof range === 'string' ? range : '') ?? [];
  const isPart = response.status === 206 || (response.status === 416 && length === '0');
  return isPart && length !== undefined
    ? { ...response, status: 200, headers: { ...headers, 'content-length': length } }
    : response;
}
