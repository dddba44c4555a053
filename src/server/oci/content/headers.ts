// Lists the headers that are passed between client and upstream. No other header is passed.

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { ContentRoute } from '../routes.ts';

/** Headers that change the content or whether it is sent. No cookie, no forwarding header, never Authorization. */
const requestHeaders = [
  'accept',
  'accept-encoding',
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
] as const;

/** Headers that describe the content or a rate limit. No cookie, no challenge. */
const responseHeaders: Readonly<Record<string, string>> = {
  'content-type': 'Content-Type',
  'content-length': 'Content-Length',
  'content-range': 'Content-Range',
  'accept-ranges': 'Accept-Ranges',
  'content-encoding': 'Content-Encoding',
  'docker-content-digest': 'Docker-Content-Digest',
  etag: 'ETag',
  'last-modified': 'Last-Modified',
  'oci-filters-applied': 'OCI-Filters-Applied',
  'oci-subject': 'OCI-Subject',
  'retry-after': 'Retry-After',
  'ratelimit-limit': 'RateLimit-Limit',
  'ratelimit-remaining': 'RateLimit-Remaining',
  'ratelimit-reset': 'RateLimit-Reset',
  warning: 'Warning',
};

/** Returns the headers of a client that are sent upstream, unchanged. */
export function headersForUpstream({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    requestHeaders.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])),
  );
}

/**
 * Returns the headers of the upstream that are sent to the client. If the client requested content by digest, Docker-Content-Digest is that
 * digest, whatever the upstream sent.
 * @param respondedFrom The URL that responded, after redirects.
 */
export function headersForClient(
  headers: Readonly<Record<string, string>>,
  route: ContentRoute,
  respondedFrom: URL,
): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const canonical = responseHeaders[name];
    if (canonical !== undefined && isFieldValue(value)) passed[canonical] = value;
  }
  const link = rewriteLink(headers['link'], route, respondedFrom);
  if (link !== undefined) passed['Link'] = link;
  if (digestOf(route) !== undefined) passed['Docker-Content-Digest'] = digestOf(route);
  return passed;
}

/** Returns the digest that the content must have, or undefined if it was requested by tag or is a list. */
export function digestOf({ kind, reference }: ContentRoute): string | undefined {
  return (kind === 'manifests' || kind === 'blobs') && reference.includes(':') ? reference : undefined;
}

/** Whether a value is ASCII, as RFC 9110 §5.5 requires. Latin-1 would be re-encoded on the way. */
function isFieldValue(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

/**
 * Rewrites the upstream's link to the next page (RFC 8288 §3) to Regway's own path, or returns undefined if it does not point to the same list on
 * the same origin. The result is relative, because clients use only its path.
 */
export function rewriteLink(link: string | undefined, route: ContentRoute, respondedFrom: URL): string | undefined {
  const [, target = ''] = /^\s*<([^<>]+)>\s*;(?:[^,]*;)?\s*rel="?next"?\s*(?:;|$)/i.exec(link ?? '') ?? [];
  const url = target === '' ? null : URL.parse(target, respondedFrom);
  if (url === null || url.origin !== respondedFrom.origin || url.pathname !== respondedFrom.pathname) return undefined;
  url.searchParams.delete('ns');
  if (route.namespace !== undefined) url.searchParams.set('ns', route.namespace);
  const path = route.kind === 'tags' ? 'tags/list' : `referrers/${route.reference}`;
  return `</v2/${route.name}/${path}?${url.searchParams}>; rel="next"`;
}
