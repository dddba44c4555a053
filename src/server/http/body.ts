// Reads request bodies: media type, size, UTF-8, and JSON. Each API maps a BodyError to its own error, in one table.

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { parseJson } from '../../core/shared/json.ts';

/** A body that is rejected before any of it is used. Contains nothing of the body. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  /** `TYPE`: another media type, charset, or content coding. `SIZE`: larger than allowed. `UTF8`, `JSON`: not valid as such. */
  readonly kind: 'TYPE' | 'SIZE' | 'UTF8' | 'JSON';

  constructor(kind: BodyError['kind']) {
    super(`The request body is not accepted (${kind}).`);
    this.kind = kind;
  }
}

/**
 * Reads a JSON body (RFC 8259) and returns its value.
 * @param maxBytes The maximum size of the body in bytes.
 * @throws BodyError for any other body; the error of the request if its client disconnects.
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  if (!isPlainJson(request)) throw new BodyError('TYPE');
  const bytes = await readBytes(request, maxBytes);
  if (!isUtf8(bytes)) throw new BodyError('UTF8');
  const value = parseJson(bytes.toString());
  if (value === undefined) throw new BodyError('JSON');
  return value;
}

/**
 * Reads the body of an HTML form and returns its fields. Invalid UTF-8 becomes U+FFFD (https://url.spec.whatwg.org/#urlencoded-parsing).
 * @param maxBytes The maximum size of the body in bytes.
 * @throws BodyError `TYPE`, `SIZE`; the error of the request if its client disconnects.
 */
export async function readForm(request: IncomingMessage, maxBytes: number): Promise<URLSearchParams> {
  if (mediaTypeOf(request)[0] !== 'application/x-www-form-urlencoded' || isEncoded(request))
    throw new BodyError('TYPE');
  return new URLSearchParams((await readBytes(request, maxBytes)).toString());
}

/** Returns whether a body is JSON in UTF-8 without a content coding. Browsers send a form or plain text across origins without a preflight. */
function isPlainJson(request: IncomingMessage): boolean {
  const [mediaType, ...parameters] = mediaTypeOf(request);
  const charsets = parameters.filter((parameter) => parameter.startsWith('charset='));
  return (
    mediaType === 'application/json' &&
    !isEncoded(request) &&
    charsets.every((charset) => /^charset=(?:utf-?8|"utf-?8")$/.test(charset))
  );
}

/** Returns whether a body has a content coding (RFC 9110 §8.4). None is decoded, so that a small body cannot become a large one. */
function isEncoded({ headers }: IncomingMessage): boolean {
  return (headers['content-encoding'] ?? 'identity') !== 'identity';
}

/** Returns the media type and its parameters, in lower case. */
function mediaTypeOf({ headers }: IncomingMessage): string[] {
  return (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
}

/**
 * Reads by events, because iterating over a request costs more than a database lookup. A rejected request is not destroyed, so that its client can read
 * the response.
 */
function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => reject(new BodyError('SIZE'));
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else tooLarge();
    });
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.on('error', reject);
  });
}
