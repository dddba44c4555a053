// Verifies the digest of content while it is streamed.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type Coding, codings } from './decoded-hash.ts';
import type { HashThread, ThreadHash } from './hash-thread.ts';

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
  return createCheckThere(thread.start({ algorithm }), compare);
}

function createCheckThere(hash: ThreadHash, compare: (actual: string) => void): DigestCheck {
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

/** Returns the content coding that the upstream labels content with and that is decoded, or undefined. @param encoding Content-Encoding; case-insensitive. */
export function codingOf(encoding: string): Coding | undefined {
  return codings.find((coding) => coding === encoding.trim().toLowerCase());
}

/**
 * Creates the verification of content that the upstream labels as encoded. A digest is of the content without its encoding (RFC 9110 §8.4), but
 * storage also labels what it stores: so the digest of the bytes as they are sent is right too.
 * @param digest As in `createDigestCheck`.
 * @param thread Hashes and decodes, whatever the length, because nothing is decoded on this thread.
 */
export function createEncodedCheck(digest: string, coding: Coding, thread: HashThread): DigestCheck {
  const { algorithm, expected } = partsOf(digest);
  return createCheckThere(thread.start({ algorithm, coded: { coding, expected } }), (actual) => {
    if (actual !== expected) throw new DigestMismatch();
  });
}

function partsOf(digest: string): { algorithm: string; expected: string } {
  const [algorithm = '', expected = ''] = digest.split(':');
  return { algorithm, expected };
}
