// Verifies the digest of content while it is streamed.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { HashThread } from './hash-thread.ts';

/** The content does not have the digest that the client requested. The client sees a broken connection. */
export class DigestMismatch extends Error {
  override readonly name = 'DigestMismatch';

  constructor(cause?: unknown) {
    super('The content does not have the requested digest.', { cause });
  }
}

/** The verification of one response against its digest. */
export interface DigestCheck {
  /** Hashes the next piece, and calls back when it no longer reads the piece. */
  update(piece: Buffer, onChecked: () => void): void;
  /**
   * Resolves if all pieces together have the expected digest. Call it once, at the end.
   * @throws DigestMismatch if they have another; Error if the hashing worker died.
   */
  finish(): Promise<void>;
  /** Ends a verification whose result is not needed. */
  abandon(): void;
}

/** Content below 1 MiB is hashed here: that is faster than a message to the thread. */
const minThreadBytes = 1024 * 1024;

/**
 * Creates the verification of content that is sent without a content encoding.
 * @param digest `sha256:<hex>`, or another algorithm that `createHash` supports.
 * @param bytes The length of the content; undefined if unknown.
 * @param thread Hashes content of 1 MiB and more, and content of unknown length.
 */
export function createDigestCheck(digest: string, bytes: number | undefined, thread: HashThread): DigestCheck {
  const { algorithm, expected } = partsOf(digest);
  const compare = (actual: string): void => {
    if (actual !== expected) throw new DigestMismatch();
  };
  // On one core the thread would only compete with this one.
  if (availableParallelism() === 1 || (bytes !== undefined && bytes < minThreadBytes))
    return createCheckHere(algorithm, compare);
  const hash = thread.start(algorithm);
  return { update: hash.update, finish: async () => compare(await hash.digest()), abandon: hash.forget };
}

function createCheckHere(algorithm: string, compare: (actual: string) => void): DigestCheck {
  const hash = createHash(algorithm);
  return {
    update(piece, onChecked) {
      hash.update(piece);
      onChecked();
    },
    finish: async () => compare(hash.digest('hex')),
    abandon: () => undefined,
  };
}

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/**
 * Creates the verification of content that the upstream labels as encoded. A digest is of the content without its encoding (RFC 9110 §8.4), but
 * storage also labels what it stores: so the digest of the bytes as they are sent is right too.
 * @param digest As in `createDigestCheck`.
 * @param encoding The Content-Encoding of the upstream; case-insensitive. Content in an unsupported one is verified only as it is sent.
 */
export function createEncodedCheck(digest: string, encoding: string): DigestCheck {
  const { algorithm, expected } = partsOf(digest);
  const sent = createHash(algorithm);
  const decoded = createDecodedHash(algorithm, encoding);
  return {
    update(piece, onChecked) {
      sent.update(piece);
      if (decoded === undefined) onChecked();
      else decoded.update(piece, onChecked);
    },
    async finish() {
      if (sent.digest('hex') === expected) decoded?.abandon();
      else if ((await decoded?.digest()) !== expected) throw new DigestMismatch();
    },
    abandon: () => decoded?.abandon(),
  };
}

/** The hash of the decoded content. Nothing of it is kept, so a small piece that decodes to much costs no memory. */
interface DecodedHash {
  update(piece: Buffer, onHashed: () => void): void;
  /** Returns the digest in hexadecimal, or undefined for content that is not in the encoding. */
  digest(): Promise<string | undefined>;
  abandon(): void;
}

function createDecodedHash(algorithm: string, encoding: string): DecodedHash | undefined {
  const decoder = decoders[encoding.trim().toLowerCase()]?.();
  if (decoder === undefined) return undefined;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const hash = createHash(algorithm);
  decoder.on('data', (chunk: Buffer) => void hash.update(chunk));
  decoder.once('end', () => resolve(hash.digest('hex')));
  decoder.on('error', () => resolve(undefined));
  return {
    // Also called back by a decoder that has failed: the piece is not read then.
    update: (piece, onHashed) => void decoder.write(piece, () => onHashed()),
    digest() {
      decoder.end();
      return promise;
    },
    abandon: () => void decoder.destroy(),
  };
}

function partsOf(digest: string): { algorithm: string; expected: string } {
  const [algorithm = '', expected = ''] = digest.split(':');
  return { algorithm, expected };
}
