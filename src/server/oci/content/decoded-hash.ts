// Hashes what a content coding decodes to, within bounds of bytes, ratio, and window: a small piece can decode to very much.
// Runs on the worker thread of hash-thread.ts, whose zlib streams decode on the thread pool of the process.

import { createHash } from 'node:crypto';
import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

/** The content codings that are decoded (RFC 9110 §8.4.1). */
export const codings = ['gzip', 'x-gzip', 'deflate', 'br', 'zstd'] as const;
export type Coding = (typeof codings)[number];

/** The bounds of one decoding. */
export interface DecodingLimits {
  /** Decoded bytes that are hashed whatever they were decoded from. */
  readonly freeBytes: number;
  /** Decoded bytes for each encoded byte beyond that. */
  readonly maxRatio: number;
  /** Decoded bytes in all. */
  readonly maxBytes: number;
}

/**
 * The free bytes are four times the largest manifest that registries store, and cost some hundredths of a second. JSON and file systems are
 * compressed to a tenth, seldom to a fiftieth; what is beyond 100 is made to be. The largest layers that registries store have 10 GB.
 */
const defaultLimits: DecodingLimits = { freeBytes: 16 * 1024 * 1024, maxRatio: 100, maxBytes: 16 * 1024 ** 3 };

/** Bytes of one decoded piece: with the 16 KiB of Node, passing pieces costs more than hashing them. */
const chunkSize = 64 * 1024;

/** The window of 8 MiB that RFC 9659 §3 allows for this coding; Node would allocate 128 MiB for a header that says so. */
const maxZstdWindowLog = 23;

const decoders: Readonly<Record<Coding, () => Transform>> = {
  gzip: () => createGunzip({ chunkSize }),
  'x-gzip': () => createGunzip({ chunkSize }),
  deflate: () => createInflate({ chunkSize }),
  br: () => createBrotliDecompress({ chunkSize }),
  zstd: () => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog } }),
};

/** The hash of decoded content. Nothing of the content is kept. */
export interface DecodedHash {
  /** Decodes and hashes the next piece. Resolves when it is no longer read, also if the content is not in the coding or exceeds the bounds. */
  update(piece: Uint8Array): Promise<void>;
  /** Returns the digest in hexadecimal, or undefined for content that is not in the coding or exceeds the bounds. */
  digest(): Promise<string | undefined>;
  /** Ends a decoding whose digest is not needed. */
  abandon(): void;
}

/** Starts the hash of what content decodes to. @param algorithm A name that `createHash` supports, such as `sha256`. */
export function createDecodedHash(
  algorithm: string,
  coding: Coding,
  limits: DecodingLimits = defaultLimits,
): DecodedHash {
  const hash = createHash(algorithm);
  const decoder = decoders[coding]();
  const { promise: digest, resolve } = Promise.withResolvers<string | undefined>();
  let encodedBytes = 0;
  let decodedBytes = 0;
  const end = (): void => {
    resolve(undefined);
    decoder.destroy();
  };
  decoder.on('data', (chunk: Buffer) => {
    decodedBytes += chunk.length;
    if (decodedBytes > Math.min(limits.maxBytes, limits.freeBytes + limits.maxRatio * encodedBytes)) end();
    else hash.update(chunk);
  });
  decoder.once('end', () => resolve(hash.digest('hex')));
  decoder.on('error', end);
  const write = (piece: Uint8Array): Promise<void> =>
    new Promise((done) => {
      if (decoder.destroyed) return done();
      encodedBytes += piece.length;
      decoder.once('close', done);
      // Copied: the memory is used again when the pull is broken off, while a thread still decodes.
      decoder.write(Buffer.from(piece), () => {
        decoder.off('close', done);
        done();
      });
    });
  return {
    update: (piece) => inTurn(() => write(piece)),
    digest() {
      if (!decoder.destroyed) decoder.end();
      return digest;
    },
    abandon: end,
  };
}

/** Half of the threads that Node decodes with: names are resolved and files are read on them too. */
const maxRunning = 2;

let running = 0;
const waiting: (() => void)[] = [];

/** Decodes pieces in the order of their arrival, few at once. The list is as long as the list of decodings, because each has one piece in it. */
async function inTurn(decode: () => Promise<void>): Promise<void> {
  if (running >= maxRunning) await new Promise<void>((start) => waiting.push(start));
  else running += 1;
  try {
    await decode();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}
