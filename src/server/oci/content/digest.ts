// Verifies the digest of content while it is streamed.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { callbackify } from 'node:util';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { HashThread } from './hash-thread.ts';
import { OciError } from '../errors.ts';

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
 * Creates a stream that passes encoded content through unchanged and hashes a decoded copy, because a digest is of the content without its
 * encoding (RFC 9110 §8.4). On other content the stream fails with DigestMismatch and withholds the last piece.
 * @param digest `sha256:<hex>`, or another algorithm that `createHash` supports.
 * @param encoding The Content-Encoding of the upstream; case-insensitive.
 * @throws OciError 502 for an unsupported encoding.
 */
export function createDecodedCheck(digest: string, encoding: string): Transform {
  const { algorithm, expected } = partsOf(digest);
  const decoder = decoders[encoding.trim().toLowerCase()]?.();
  if (decoder === undefined)
    throw new OciError(
      502,
      'UNAVAILABLE',
      'The upstream registry sent a Content-Encoding that Regway does not support, so the digest cannot be verified.',
    );
  const hash = createHash(algorithm);
  const hashed = pipeline(decoder, hash).catch((error: unknown) => {
    throw new DigestMismatch(error);
  });
  // A failure is reported at the next piece or at the end, whichever comes first.
  hashed.catch(() => undefined);
  const hasRoom = () => Promise.race([new Promise<void>((resolve) => void decoder.once('drain', resolve)), hashed]);
  let lastPiece: Buffer | undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const previous = lastPiece;
      lastPiece = chunk;
      if (decoder.write(chunk)) done(null, previous);
      else callbackify(hasRoom)((error) => done(error, previous));
    },
    flush(done: TransformCallback) {
      decoder.end();
      callbackify(() => hashed)((error) => {
        if (error !== null) done(error);
        else if ((hash.read() as Buffer).toString('hex') === expected) done(null, lastPiece);
        else done(new DigestMismatch());
      });
    },
    destroy(error, done) {
      decoder.destroy();
      done(error);
    },
  });
}

function partsOf(digest: string): { algorithm: string; expected: string } {
  const [algorithm = '', expected = ''] = digest.split(':');
  return { algorithm, expected };
}
