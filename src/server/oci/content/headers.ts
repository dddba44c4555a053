// Lists the headers that are passed between client and upstream. No other header is passed.

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { isDigest } from '../../../core/registry/reference.ts';
import { type ContentKind, contentPath, type ContentRoute, isList } from '../routes.ts';

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

/** Headers that describe the content or a rate limit. No cookie, no challenge. A map, because an upstream chooses the names that are looked up. */
const responseHeaders: ReadonlyMap<string, string> = new Map(
  [
    'Content-Type',
    'Content-Length',
    'Content-Range',
    'Accept-Ranges',
    'Content-Encoding',
    'Docker-Content-Digest',
    'ETag',
    'Last-Modified',
    'OCI-Filters-Applied',
    'OCI-Subject',
    'Retry-After',
    'RateLimit-Limit',
    'RateLimit-Remaining',
    'RateLimit-Reset',
  ].map((name) => [name.toLowerCase(), name]),
);

/** Returns the names of the Regway installations that a pull came through, without other proxies, whose names are internal (RFC 9110 §7.6.3). */
export function namesInVia(via: string | undefined): readonly string[] {
  return via?.match(/\bregway-[0-9a-f]{16}\b/g) ?? [];
}

/** Returns the headers of a client that are sent upstream, unchanged. A catalog is requested whole and unencoded, because it is read. */
export function headersForUpstream({ headers }: IncomingMessage, kind: ContentKind): Record<string, string> {
  if (kind === 'catalog') return { accept: 'application/json', 'accept-encoding': 'identity' };
  const via = namesInVia(headers.via);
  return {
    ...Object.fromEntries(
      requestHeaders.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])),
    ),
    ...(via.length === 0 ? {} : { via: via.map((name) => `1.1 ${name}`).join(', ') }),
  };
}

interface Answered {
  readonly route: ContentRoute;
  /** The URL that responded, after redirects. */
  readonly respondedFrom: URL;
  /** The digest that the content is held to while it is sent; undefined if nothing verifies it. */
  readonly verifiedDigest: string | undefined;
}

/**
 * Returns the headers of the upstream that are sent to the client. Docker-Content-Digest is the digest that the content is verified to have, or
 * what the registry claims, if it is a digest.
 */
export function headersForClient(
  headers: Readonly<Record<string, string>>,
  { route, respondedFrom, verifiedDigest }: Answered,
): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const canonical = responseHeaders.get(name);
    if (canonical !== undefined && isFieldValue(value)) passed[canonical] = value;
  }
  // A length that is repeated counts once if it is the same (RFC 9110 §8.6), and otherwise not at all.
  const lengths = new Set((headers['content-length'] ?? '').split(/\s*,\s*/));
  const [length = ''] = lengths;
  if (lengths.size === 1 && /^\d{1,16}$/.test(length)) passed['Content-Length'] = length;
  else delete passed['Content-Length'];
  const link = rewriteLink(headers['link'], route, respondedFrom);
  if (link !== undefined) passed['Link'] = link;
  const digest = verifiedDigest ?? headers['docker-content-digest'];
  if (digest !== undefined && isDigest(digest)) passed['Docker-Content-Digest'] = digest;
  else delete passed['Docker-Content-Digest'];
  return passed;
}

/** Returns the headers of an upstream's error that are sent to the client, in the form that RFC 9110 gives them. */
export function headersOfError(headers: Readonly<Record<string, string>>): OutgoingHttpHeaders {
  const { 'retry-after': retryAfter = '', 'content-range': contentRange = '' } = headers;
  return {
    ...(/^(?:\d{1,9}|[A-Za-z]{3}, [\w :]{22,24})$/.test(retryAfter) ? { 'Retry-After': retryAfter } : {}),
    ...(/^bytes \*\/\d{1,20}$/.test(contentRange) ? { 'Content-Range': contentRange } : {}),
  };
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
 * Rewrites the upstream's link to the next page (RFC 8288 §3) to Regway's own path, or returns undefined if it does not point to a list of the
 * same kind on the same origin. Registries behind a path prefix name their own path there. The result is relative, because clients use only its path.
 */
export function rewriteLink(link: string | undefined, route: ContentRoute, respondedFrom: URL): string | undefined {
  const target = nextTarget(link ?? '');
  const url = target === undefined ? null : URL.parse(target, respondedFrom);
  const path = contentPath(route);
  if (url === null || !isList(route)) return undefined;
  if (url.origin !== respondedFrom.origin || !url.pathname.endsWith(`/${path}`)) return undefined;
  url.searchParams.delete('ns');
  if (route.namespace !== undefined) url.searchParams.set('ns', route.namespace);
  return `</v2/${route.name === '' ? '' : `${route.name}/`}${path}?${url.searchParams}>; rel="next"`;
}

/** Characters that are read of a Link header. A link with a token for the next page is below 2 KiB. */
const maxLinkLength = 8_192;

/** A link and its parameters; a value is a token or a quoted string. */
const linkPattern = /<([^<>]+)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g;

/** Returns the target of the first link whose relation types contain `next`, or undefined. */
function nextTarget(link: string): string | undefined {
  for (const [, target, parameters = ''] of link.slice(0, maxLinkLength).matchAll(linkPattern)) {
    const [, quoted, token = ''] = /;\s*rel\s*=\s*(?:"([^"]*)"|'?([^\s;,"']*))/i.exec(parameters) ?? [];
    if ((quoted ?? token).toLowerCase().split(/\s+/).includes('next')) return target;
  }
  return undefined;
}
