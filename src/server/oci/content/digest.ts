// Verifies the digest of content while it is streamed.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { callbackify } from 'node:util';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { HashThread } from './hash-thread.ts';
import { OciError } from '../errors.ts';

/** The content was not what its digest names. The client sees a connection that broke. */
export class DigestMismatch extends Error {
  override readonly name = 'DigestMismatch';

  constructor(cause?: unknown) {
    super('The content does not have the digest by which it was asked for.', { cause });
  }
}

export interface DigestCheck {
  /** Takes the next piece, and calls back when it reads it no more. */
  update(piece: Buffer, onChecked: () => void): void;
  /** @throws DigestMismatch when all that was given has another digest. Call it once, at the end. */
  finish(): Promise<void>;
  /** Ends a check whose result is not needed. */
  abandon(): void;
}

/** Less is hashed before a thread has heard of it. */
const minThreadBytes = 1024 * 1024;

/**
 * @param digest `sha256:<hex>` or another registered algorithm.
 * @param bytes Length of the content, as far as it is known.
 * @param thread Where much content is hashed.
 */
export function createDigestCheck(digest: string, bytes: number | undefined, thread: HashThread): DigestCheck {
  const { algorithm, expected } = partsOf(digest);
  const compare = (actual: string): void => {
    if (actual !== expected) throw new DigestMismatch();
  };
  // With one core it would only take turns with this one.
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
 * Passes encoded content through unchanged and decodes it aside, since a digest is of the content without its encoding (RFC 9110 §8.4).
 * Ends with DigestMismatch in place of the last piece when it is not what the digest names.
 * @throws OciError 502 for an encoding that cannot be read.
 */
export function createDecodedCheck(digest: string, encoding: string): Transform {
  const { algorithm, expected } = partsOf(digest);
  const decoder = decoders[encoding.trim().toLowerCase()]?.();
  if (decoder === undefined)
    throw new OciError(
      502,
      'UNAVAILABLE',
      'The upstream sent the content in an encoding in which its digest cannot be verified.',
    );
  const hash = createHash(algorithm);
  const hashed = pipeline(decoder, hash).catch((error: unknown) => {
    throw new DigestMismatch(error);
  });
  // Seen at the next piece or at the end, whichever comes first.
  hashed.catch(() => undefined);
  const hasRoom = () => Promise.race([new Promise<void>((resolve) => void decoder.once('drain', resolve)), hashed]);
  let held: Buffer | undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const previous = held;
      held = chunk;
      if (decoder.write(chunk)) done(null, previous);
      else callbackify(hasRoom)((error) => done(error, previous));
    },
    flush(done: TransformCallback) {
      decoder.end();
      callbackify(() => hashed)((error) => {
        if (error !== null) done(error);
        else if ((hash.read() as Buffer).toString('hex') === expected) done(null, held);
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
