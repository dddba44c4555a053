// Lists the headers that pass between client and upstream. No other header does.

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { ContentRoute } from '../routes.ts';

/** What changes the content or whether it is sent. No cookie, no forwarding header, never Authorization. */
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

/** What describes the content or a limit. No cookie, no challenge. */
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

/** Returns the headers of the upstream that are sent to the client. Content asked for by digest is named by that digest, wherever it came from. */
export function headersForClient(
  headers: Readonly<Record<string, string>>,
  route: ContentRoute,
  answeredFrom: URL,
): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const shown = responseHeaders[name];
    if (shown !== undefined && isFieldValue(value)) passed[shown] = value;
  }
  const link = rewriteLink(headers['link'], route, answeredFrom);
  if (link !== undefined) passed['Link'] = link;
  if (digestOf(route) !== undefined) passed['Docker-Content-Digest'] = digestOf(route);
  return passed;
}

/** The digest that the content must have; undefined when it was asked for by tag. */
export function digestOf({ kind, reference }: ContentRoute): string | undefined {
  return (kind === 'manifests' || kind === 'blobs') && reference.includes(':') ? reference : undefined;
}

/** Latin-1 and such would be re-encoded on the way; RFC 9110 §5.5 calls for ASCII. */
function isFieldValue(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

/**
 * The next page as this server names it: path and query of the upstream's link, if it leads to the same list of the same place.
 * Relative, since clients use its path alone. RFC 8288 §3.
 */
export function rewriteLink(link: string | undefined, route: ContentRoute, answeredFrom: URL): string | undefined {
  const [, target = ''] = /^\s*<([^<>]+)>\s*;(?:[^,]*;)?\s*rel="?next"?\s*(?:;|$)/i.exec(link ?? '') ?? [];
  const url = target === '' ? null : URL.parse(target, answeredFrom);
  if (url === null || url.origin !== answeredFrom.origin || url.pathname !== answeredFrom.pathname) return undefined;
  url.searchParams.delete('ns');
  if (route.namespace !== undefined) url.searchParams.set('ns', route.namespace);
  const path = route.kind === 'tags' ? 'tags/list' : `referrers/${route.reference}`;
  return `</v2/${route.name}/${path}?${url.searchParams}>; rel="next"`;
}
