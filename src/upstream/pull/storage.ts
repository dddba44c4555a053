// Requests content from the storage that a registry redirects to. A signed address is often signed for GET alone, so a HEAD that it refuses is asked as a GET of one byte.

import type { StreamResponse } from '../transport/client.ts';
import { discard, type PullExchange, type UpstreamExchange, send } from './request.ts';

/** How storage refuses a method that an address is not signed for: S3 and GCS with 403, others as RFC 9110 §15.5.6 or §15.6.2 say. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 405, 501]);

/** Sends the request of the pull to the storage, without a login. A HEAD that is refused is answered from the head of a GET. @throws UpstreamFailure */
export async function sendToStorage(exchange: PullExchange, target: URL): Promise<UpstreamExchange> {
  const upstream = await send(exchange, target, undefined);
  if (exchange.request.method !== 'HEAD' || !refusals.has(upstream.response.status)) return upstream;
  discard(upstream.response);
  const headers = { ...exchange.request.headers, range: 'bytes=0-0' };
  const ranged = await send(
    { ...exchange, request: { ...exchange.request, method: 'GET', headers } },
    target,
    undefined,
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
