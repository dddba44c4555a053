// Decoding within bounds: what is honest is decoded whole, and a bomb costs no more than what an honest piece of its size may.

import { createHash, randomBytes } from 'node:crypto';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Coding, createDecodedHash } from '../../../../src/server/oci/content/decoded-hash.ts';

const mebibyte = 1024 * 1024;

const encoders: Readonly<Record<Coding, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gzipSync(bytes),
  'x-gzip': (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  zstd: (bytes) => zstdCompressSync(bytes),
};

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function digestOf(
  coding: Coding,
  encoded: Buffer,
  limits?: { freeBytes: number; maxRatio: number; maxBytes: number },
): Promise<string | undefined> {
  const hash = createDecodedHash('sha256', coding, limits);
  for (let start = 0; start < encoded.length; start += 16_384)
    await hash.update(encoded.subarray(start, start + 16_384));
  return hash.digest();
}

describe.each(Object.keys(encoders) as Coding[])('content in %s', (coding) => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['random bytes', randomBytes(300_000)],
    ['4 MiB of zeros', Buffer.alloc(4 * mebibyte)],
  ])('has the digest of what it decodes to: %s', async (_what, content) => {
    expect(await digestOf(coding, encoders[coding](content))).toBe(sha256(content));
  });

  it('that is not in the coding has no digest, and takes every piece', async () => {
    expect(await digestOf(coding, Buffer.from('plain text, again and again, '.repeat(4_000)))).toBeUndefined();
  });

  it('that decodes to one byte more than its bound has no digest', async () => {
    const content = Buffer.alloc(200_001);
    const encoded = encoders[coding](content);
    const limits = { freeBytes: 200_001, maxRatio: 0, maxBytes: Infinity };
    expect(await digestOf(coding, encoded, limits)).toBe(sha256(content));
    expect(await digestOf(coding, encoded, { ...limits, freeBytes: 200_000 })).toBeUndefined();
    expect(await digestOf(coding, encoded, { ...limits, maxBytes: 200_000 })).toBeUndefined();
  });

  it('that is abandoned takes every further piece, and has no digest', async () => {
    const encoded = encoders[coding](randomBytes(100_000));
    const hash = createDecodedHash('sha256', coding);
    await hash.update(encoded.subarray(0, 50_000));
    hash.abandon();
    await hash.update(encoded.subarray(50_000));
    expect(await hash.digest()).toBeUndefined();
  });
});

/** Some kilobytes that decode to 3 GiB, as frames that follow each other (RFC 8878 §3.1), or to 128 MiB. */
const bombs: Readonly<Partial<Record<Coding, () => Buffer>>> = {
  zstd: () => Buffer.alloc(300_000, zstdCompressSync(Buffer.alloc(32 * mebibyte))),
  br: () => encoders.br(Buffer.alloc(128 * mebibyte)),
};

it.each(['zstd', 'br'] as const)('a bomb in %s costs less than half a second', async (coding) => {
  const encoded = bombs[coding]?.() ?? Buffer.alloc(0);
  const before = process.cpuUsage();
  expect(await digestOf(coding, encoded)).toBeUndefined();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000_000).toBeLessThan(0.5);
});

it('a window of 64 MiB, which a frame of zstd may ask for, is not allocated', async () => {
  const encoded = zstdCompressSync(randomBytes(1000), { params: { [constants.ZSTD_c_windowLog]: 26 } });
  // The size of the content is in the frame, so that its window is too: without it the header counts.
  const streamed = Buffer.from(encoded);
  expect(await digestOf('zstd', streamed)).toBeDefined();
  const large = zstdCompressSync(randomBytes(20 * mebibyte), { params: { [constants.ZSTD_c_windowLog]: 26 } });
  expect(await digestOf('zstd', large)).toBeUndefined();
});
