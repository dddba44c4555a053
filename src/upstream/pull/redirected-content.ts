// Judges manifests and lists that a redirect led to: only what a registry serves is passed on, and nothing else of the host that it named.
// A blob needs no judgment, because it is held to its digest while it is sent.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDigest } from '../../core/registry/reference.ts';
import { hasMember } from '../../core/shared/json.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { firstHeader, readBody, type StreamResponse } from '../transport/client.ts';
import { type ContentKind, discard, holdWhole, type PullExchange, type UpstreamExchange } from './request.ts';

/** The distribution specification's bound of manifests ("Pushing Manifests"); lists have pages below it. */
const maxWholeBytes = 4 * 1024 * 1024;

/** Paths of content by kind (distribution-spec, "Endpoints"). */
const paths: Readonly<Record<Exclude<ContentKind, 'blobs'>, RegExp>> = {
  manifests: /^\/v2\/.+\/manifests\/[^/]+$/,
  tags: /^\/v2\/.+\/tags\/list$/,
  referrers: /^\/v2\/.+\/referrers\/[^/]+$/,
  catalog: /^\/v2\/(?:.+\/)?_catalog$/,
};

/** Returns whether content of this kind may be at an address on another host than the registry's own. */
export function isPlaceOf(kind: ContentKind, { pathname }: URL): boolean {
  return kind === 'blobs' || paths[kind].test(pathname);
}

/** Media types by kind, without parameters. */
const mediaTypes: Readonly<Record<Exclude<ContentKind, 'blobs'>, RegExp>> = {
  manifests:
    /^application\/(?:vnd\.oci\.(?:image\.(?:manifest|index)|artifact\.manifest)\.v1\+json|vnd\.docker\.distribution\.manifest(?:\.list)?\.v[12]\+(?:json|prettyjws))$/,
  tags: /^application\/json$/,
  referrers: /^application\/vnd\.oci\.image\.index\.v1\+json$/,
  catalog: /^application\/json$/,
};

/** The members of which each list has one, and each manifest: that of an artifact has no `schemaVersion`, and older ones have no `mediaType`. */
const members: Readonly<Record<Exclude<ContentKind, 'blobs'>, readonly string[]>> = {
  manifests: ['schemaVersion', 'mediaType'],
  tags: ['tags'],
  referrers: ['manifests'],
  catalog: ['repositories'],
};

/**
 * Returns the response to be passed on. A manifest or a list is read whole first, up to 4 MiB, and must have its digest, or be what its media type
 * says.
 * @throws UpstreamFailure for anything else; Problem `UPSTREAM_FAILED` with the reason `BUSY` while too many are read.
 */
export async function judgeRedirected(exchange: PullExchange, upstream: UpstreamExchange): Promise<UpstreamExchange> {
  const { kind, method, digest } = exchange.request;
  const { response, isStorage } = upstream;
  if (kind === 'blobs' || !isStorage || response.status >= 300) return upstream;
  const reject = (reason: string): never => {
    discard(response);
    throw new UpstreamFailure('UPSTREAM_ERROR', { host: exchange.source.host, status: response.status, reason });
  };
  if (response.status !== 200) return reject(`a redirect leads to HTTP ${response.status}`);
  const type = (firstHeader(response, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const hasType = mediaTypes[kind].test(type);
  if (method === 'HEAD') return hasType || digest !== undefined ? upstream : reject(noContent(kind));
  const slot = await holdWhole(exchange, lengthOf(response)).catch((error: unknown) => {
    // Its connection is held until the body is read or destroyed.
    discard(response);
    throw error;
  });
  const body = await readWhole(response, exchange.context.limits.checkTimeoutMs);
  const fits =
    typeof body !== 'string' &&
    (digest === undefined
      ? hasType && (await hasMember(body, members[kind], nextTurn))
      : await hasDigest(body, digest));
  if (!fits) {
    slot?.release();
    return reject(typeof body === 'string' ? body : noContent(kind));
  }
  const headers = await withVerifiedDigest(response.headers, body);
  const stream = Readable.from([body]);
  if (slot !== undefined) stream.once('close', slot.release);
  return {
    ...upstream,
    slot: slot ?? upstream.slot,
    response: { ...response, headers, body: stream, release: () => undefined },
  };
}

/** Returns the whole of a body, or why it cannot be passed on. */
async function readWhole({ body, release }: StreamResponse, timeoutMs: number): Promise<Buffer | string> {
  const timer = setTimeout(() => body.destroy(), timeoutMs);
  try {
    const read = await readBody(body, maxWholeBytes, release);
    return read.isTruncated ? 'a redirect leads to more than 4 MiB' : read.body;
  } catch {
    // The status and the headers arrived, so that only the connection can be at fault.
    return 'the content that a redirect leads to broke off, or came too slowly';
  } finally {
    clearTimeout(timer);
  }
}

function noContent(kind: Exclude<ContentKind, 'blobs'>): string {
  return kind === 'manifests' ? 'a redirect leads to no manifest' : 'a redirect leads to no list';
}

function lengthOf(response: StreamResponse): number {
  const length = firstHeader(response, 'content-length') ?? '';
  return /^\d{1,16}$/.test(length) ? Number(length) : maxWholeBytes;
}

/** Bytes that are hashed without a pause, in less than a millisecond. */
const hashedBytes = 256 * 1024;

/** @param digest In the form that `isDigest` accepts. */
async function hasDigest(body: Buffer, digest: string): Promise<boolean> {
  const [algorithm = '', expected] = digest.split(':');
  const hash = createHash(algorithm);
  for (let start = 0; start < body.length; start += hashedBytes) {
    hash.update(body.subarray(start, start + hashedBytes));
    await nextTurn();
  }
  return hash.digest('hex') === expected;
}

/** Returns the headers without a digest that the content does not have. */
async function withVerifiedDigest(
  headers: StreamResponse['headers'],
  body: Buffer,
): Promise<StreamResponse['headers']> {
  const { 'docker-content-digest': claimed, ...others } = headers;
  return typeof claimed === 'string' && isDigest(claimed) && (await hasDigest(body, claimed)) ? headers : others;
}
