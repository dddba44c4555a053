// Hashing on a thread: the digests are those of the content, and memory is called free only when nothing reads it.

import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createHashThread } from '../../../../src/server/oci/content/hash-thread.ts';

const thread = createHashThread();

function shared(bytes: Buffer): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length));
  bytes.copy(copy);
  return copy;
}

describe('a hash on a thread', () => {
  it.each([
    ['sha256', 1, 1],
    ['sha256', 1000, 100],
    ['sha256', 100_000, 30],
    ['sha384', 300_000, 3],
    ['sha512', 300_000, 3],
  ])(
    '%s of pieces of %i bytes, %i of them, is that of their content, and each is called free once',
    async (algorithm, bytes, count) => {
      const hash = thread.start(algorithm);
      const pieces = Array.from({ length: count }, (_, index) =>
        index % 2 === 0 ? shared(randomBytes(bytes)) : randomBytes(bytes),
      );
      const expected = createHash(algorithm).update(Buffer.concat(pieces)).digest('hex');
      let free = 0;
      for (const piece of pieces) {
        // As with a slab that is used again.
        hash.update(piece, () => {
          free += 1;
          piece.fill(0);
        });
      }
      expect(await hash.digest()).toBe(expected);
      expect(free).toBe(count);
    },
  );

  it('of no content is that of no content', async () => {
    expect(await thread.start('sha256').digest()).toBe(createHash('sha256').digest('hex'));
  });

  it('is of its own pieces, whatever else is hashed between them', async () => {
    const contents = Array.from({ length: 5 }, () => Array.from({ length: 20 }, () => shared(randomBytes(20_000))));
    const hashes = contents.map(() => thread.start('sha256'));
    for (let piece = 0; piece < 20; piece += 1)
      hashes.forEach((hash, index) => hash.update(contents[index]?.[piece] ?? Buffer.alloc(0), () => undefined));
    const digests = await Promise.all(hashes.map((hash) => hash.digest()));
    expect(digests).toEqual(contents.map((pieces) => createHash('sha256').update(Buffer.concat(pieces)).digest('hex')));
  });

  it('takes a small piece after a pause, though no other follows', async () => {
    const hash = thread.start('sha256');
    for (let count = 0; count < 3; count += 1)
      await new Promise<void>((resolve) => hash.update(shared(Buffer.from('few')), resolve));
    expect(await hash.digest()).toBe(createHash('sha256').update('fewfewfew').digest('hex'));
  });

  it('that nobody wants any more calls no piece free: it may still be read', async () => {
    const hash = thread.start('sha256');
    let free = 0;
    for (let count = 0; count < 10; count += 1) hash.update(shared(Buffer.alloc(500_000)), () => void (free += 1));
    hash.forget();
    const other = thread.start('sha256');
    await other.digest();
    await setTimeout(10);
    expect(free).toBe(0);
  });
});
