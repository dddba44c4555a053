// Requests content from a registry, and from the storage that it redirects to. A HEAD that either does not support is repeated as a GET of one byte.

import type { Secret } from '../../core/shared/secret.ts';
import type { StreamResponse } from '../transport/client.ts';
import { discard, type PullExchange, type UpstreamExchange, send } from './request.ts';

/** Statuses of a server without HEAD (RFC 9110 §15.5.6, §15.6.2). */
const withoutHead: ReadonlySet<number> = new Set([405, 501]);

/** Statuses of a storage address that is not signed for HEAD: many are signed only for GET, and S3 and GCS then respond with 403. */
const unsignedForHead: ReadonlySet<number> = new Set([400, 401, 403, ...withoutHead]);

/** Sends the request of the pull to the registry. @throws UpstreamFailure */
export function sendToRegistry(
  exchange: PullExchange,
  url: URL,
  authorization: Secret | undefined,
): Promise<UpstreamExchange> {
  return sendOrGet(exchange, url, authorization, withoutHead);
}

/** Sends the request of the pull to the storage, without a login. @throws UpstreamFailure */
export function sendToStorage(exchange: PullExchange, target: URL): Promise<UpstreamExchange> {
  return sendOrGet(exchange, target, undefined, unsignedForHead);
}

/** Sends the request of the pull. Answers a refused HEAD from the head of a GET. */
async function sendOrGet(
  exchange: PullExchange,
  target: URL,
  authorization: Secret | undefined,
  refusals: ReadonlySet<number>,
): Promise<UpstreamExchange> {
  const upstream = await send(exchange, target, authorization);
  if (exchange.request.method !== 'HEAD' || !refusals.has(upstream.response.status)) return upstream;
  discard(upstream.response);
  const headers = { ...exchange.request.headers, range: 'bytes=0-0' };
  const ranged = await send(
    { ...exchange, request: { ...exchange.request, method: 'GET', headers } },
    target,
    authorization,
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
