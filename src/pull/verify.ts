// Holds content to its digest while it passes: the last piece leaves only when everything before it and itself have the right hash.

import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { callbackify } from 'node:util';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { PullRefusal } from './errors.ts';

/** The content was not what its digest names. The client sees a connection that broke. */
export class DigestMismatch extends Error {
  override readonly name = 'DigestMismatch';

  constructor(cause?: unknown) {
    super('The content does not have the digest by which it was asked for.', { cause });
  }
}

/**
 * Passes content through unchanged and breaks off instead of completing it when it is not what the digest names.
 * @param digest `sha256:<hex>` or another registered algorithm; of the content before any encoding (RFC 9110 §8.4).
 * @param encoding Content-Encoding of what passes; undefined for none. @throws PullRefusal 502 for one that cannot be read.
 */
export function createDigestCheck(digest: string, encoding: string | undefined): Transform {
  const [algorithm = '', expected = ''] = digest.split(':');
  const hasher = encoding === undefined || encoding === 'identity' ? plainHasher(algorithm) : decodingHasher(algorithm, encoding.trim().toLowerCase());
  // Held back, so that with a Content-Length a wrong body always ends short.
  let held: Buffer | undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      const previous = held;
      held = chunk;
      const written = hasher.update(chunk);
      if (written === undefined) done(null, previous);
      else callbackify(() => written)((error) => done(error, previous));
    },
    flush(done: TransformCallback) {
      callbackify(() => hasher.end())((error, actual) => {
        if (error !== null) done(error);
        else if (actual === expected) done(null, held);
        else done(new DigestMismatch());
      });
    },
    destroy(error, done) {
      hasher.stop();
      done(error);
    },
  });
}

interface Hasher {
  /** A promise when more is to wait. */
  update(chunk: Buffer): Promise<void> | undefined;
  end(): Promise<string>;
  stop(): void;
}

function plainHasher(algorithm: string): Hasher {
  const hash = createHash(algorithm);
  return {
    update: (chunk) => void hash.update(chunk),
    end: async () => hash.digest('hex'),
    stop: () => undefined,
  };
}

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/** Decodes aside, for the hash alone; what passes stays as it is. */
function decodingHasher(algorithm: string, encoding: string): Hasher {
  const decoder = decoders[encoding]?.();
  if (decoder === undefined) throw new PullRefusal(502, 'UNAVAILABLE', 'The upstream sent the content in an encoding in which its digest cannot be verified.');
  const hash = createHash(algorithm);
  const hashed = pipeline(decoder, hash).then(
    () => (hash.read() as Buffer).toString('hex'),
    (error: unknown) => {
      throw new DigestMismatch(error);
    },
  );
  // Seen at `update` or `end`, whichever comes next.
  hashed.catch(() => undefined);
  return {
    update: (chunk) => (decoder.write(chunk) ? undefined : Promise.race([new Promise<void>((resolve) => void decoder.once('drain', resolve)), hashed.then(() => undefined)])),
    async end() {
      decoder.end();
      return hashed;
    },
    stop: () => void decoder.destroy(),
  };
}
