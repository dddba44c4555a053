// Reused memory, within a budget: a piece that may still be read is never overwritten, and nobody takes what the next reader needs.

import { describe, expect, it } from 'vitest';
import { createBufferPool, type SlabReader } from '../../../../src/upstream/transport/memory/buffer-pool.ts';

/** A pool whose slabs are taken by a reader, or by so many readers that no share matters. */
function openPool(max = 1_000) {
  const pool = createBufferPool(max);
  return {
    ...pool,
    acquire(reader: SlabReader = pool.openReader()): Buffer {
      const slab = pool.acquire(reader);
      if (slab === undefined) throw new Error('There is no slab.');
      return slab;
    },
  };
}
type BufferPool = ReturnType<typeof openPool>;

/** A piece that is all of a slab's content, as long as nothing more is read into it. */
function onlyPiece(pool: BufferPool, slab: Buffer, bytes: number): Buffer {
  const piece = pool.handOut(slab, 0, bytes);
  pool.leave(slab);
  return piece;
}

describe('a slab', () => {
  it('is reused once its piece is released', () => {
    const pool = openPool();
    const slab = pool.acquire();
    pool.release(onlyPiece(pool, slab, 1000));
    expect(pool.acquire().buffer).toBe(slab.buffer);
  });

  it('is reused once the last of its pieces is released, in any order', () => {
    const pool = openPool();
    const slab = pool.acquire();
    const pieces = [pool.handOut(slab, 0, 500), pool.handOut(slab, 500, 1000), pool.handOut(slab, 1000, 1500)] as const;
    pool.leave(slab);
    pool.release(pieces[2]);
    pool.release(pieces[0]);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
    pool.release(pieces[1]);
    expect(pool.acquire().buffer).toBe(slab.buffer);
  });

  it('is not reused while its piece is in use', () => {
    const pool = openPool();
    const slab = pool.acquire();
    onlyPiece(pool, slab, 1000);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it('is not reused while more is read into it, even if all its pieces are released', () => {
    const pool = openPool();
    const slab = pool.acquire();
    pool.release(pool.handOut(slab, 0, 1000));
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it.each([
    ['the beginning of its piece', (piece: Buffer) => [piece.subarray(0, 999)]],
    ['more than its piece', (piece: Buffer) => [Buffer.from(piece.buffer)]],
    ['a copy of its piece', (piece: Buffer) => [Buffer.from(piece)]],
    ['the middle of its piece', (piece: Buffer) => [piece.subarray(1, 999)]],
  ])('is not free after %s', (_case, given) => {
    const pool = openPool();
    const slab = pool.acquire();
    for (const part of given(onlyPiece(pool, slab, 1000))) pool.release(part);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it.each([
    ['the end of its piece, after the headers of a response', (piece: Buffer) => [piece.subarray(100)]],
    ['all parts of its piece, in order', (piece: Buffer) => [piece.subarray(0, 500), piece.subarray(500)]],
  ])('is reused after %s', (_case, given) => {
    const pool = openPool();
    const slab = pool.acquire();
    for (const part of given(onlyPiece(pool, slab, 1000))) pool.release(part);
    expect(pool.acquire().buffer).toBe(slab.buffer);
  });

  it.each([
    [
      'released',
      (pool: BufferPool, slab: Buffer) =>
        [pool.handOut(slab, 0, 1000)].flatMap((piece) => [piece, piece]).forEach((piece) => pool.release(piece)),
    ],
    ['left', (pool: BufferPool, slab: Buffer) => pool.leave(slab)],
  ])('that is %s twice is free once', (_case, twice) => {
    const pool = openPool();
    const slab = pool.acquire();
    twice(pool, slab);
    pool.leave(slab);
    pool.leave(slab);
    expect(pool.acquire().buffer).not.toBe(pool.acquire().buffer);
  });

  it('that was released but never handed out is not reused', () => {
    const pool = openPool();
    const slab = pool.acquire();
    pool.release(slab);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it('is kept for later only up to a number, however many were out', () => {
    const pool = openPool();
    const all = Array.from({ length: 50 }, () => pool.acquire());
    for (const slab of all) pool.release(onlyPiece(pool, slab, 1024 * 1024));
    const known = new Set(all.map(({ buffer }) => buffer));
    const again = Array.from({ length: 50 }, () => pool.acquire().buffer);
    expect(again.filter((buffer) => known.has(buffer))).toHaveLength(8);
  });
});

describe('the budget', () => {
  /** Takes slabs until the pool refuses, and returns how many there were. */
  function takeAll(pool: ReturnType<typeof createBufferPool>, readers: readonly SlabReader[]): number[] {
    const counts = readers.map(() => 0);
    for (let round = 0; round < 100; round += 1)
      for (const [index, reader] of readers.entries())
        if (pool.acquire(reader) !== undefined) counts[index] = (counts[index] ?? 0) + 1;
    return counts;
  }
  const reader = (owner: string): SlabReader => ({ owner, slabs: 0, isFragmented: false });

  it('is 16 MiB, whoever reads', () => {
    const pool = createBufferPool();
    const owners = Array.from({ length: 500 }, (_, index) => reader(`login ${index}`));
    takeAll(pool, owners);
    expect(pool.usedBytes()).toBe(16 * 1024 * 1024);
  });

  it('gives a reader alone several slabs, and leaves most of them to others', () => {
    expect(takeAll(createBufferPool(), [reader('one')])).toEqual([5]);
  });

  it('leaves to another login as much as the first left free, however many readers the first has', () => {
    const pool = createBufferPool();
    takeAll(
      pool,
      Array.from({ length: 300 }, () => reader('many')),
    );
    expect(pool.usedBytes() / 1024 / 1024).toBe(8);
    expect(pool.mayAcquire(reader('other'))).toBe(true);
    expect(takeAll(pool, [reader('other')])).toEqual([3]);
  });

  it('is released with each slab, to the login that was charged', () => {
    const pool = createBufferPool(4);
    const one = reader('one');
    const slab = pool.acquire(one) ?? Buffer.alloc(0);
    const piece = pool.handOut(slab, 0, 100);
    one.owner = 'two';
    expect([one.slabs, pool.usedBytes()]).toEqual([1, 1024 * 1024]);
    pool.leave(slab);
    pool.release(piece);
    expect([one.slabs, pool.usedBytes()]).toEqual([0, 0]);
  });

  it('charges the next slabs of a connection to the login whose content it carries', () => {
    const pool = createBufferPool(8);
    const connection = pool.openReader();
    const slab = pool.acquire(connection) ?? Buffer.alloc(0);
    pool.release(pool.handOut(slab, 0, 100), 'one');
    expect(connection.owner).toBe('one');
  });

  it('gets back the slabs of a connection that broke with pieces in it', { timeout: 20_000 }, async () => {
    const pool = createBufferPool(4);
    const lose = (): void => {
      const slab = pool.acquire(pool.openReader()) ?? Buffer.alloc(0);
      pool.handOut(slab, 0, 100);
      pool.leave(slab);
    };
    lose();
    lose();
    expect(pool.usedBytes()).toBe(2 * 1024 * 1024);
    // Until the garbage was collected, which further memory brings about.
    for (let round = 0; pool.usedBytes() > 0 && round < 2_000; round += 1) {
      void Buffer.alloc(1024 * 1024);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(pool.usedBytes()).toBe(0);
  });
});

describe('a small piece', () => {
  const bytes = Buffer.alloc(16_384, 7);

  it('is a copy, in memory that is reused once it is released', () => {
    const pool = createBufferPool(0);
    const piece = pool.copy(bytes, pool.openReader());
    expect(piece.equals(bytes)).toBe(true);
    expect(pool.copy(bytes, pool.openReader()).buffer).not.toBe(piece.buffer);
    pool.release(piece.subarray(300));
    expect(pool.copy(bytes, pool.openReader()).buffer).toBe(piece.buffer);
  });

  it.each([
    ['a part of it', (piece: Buffer) => [piece.subarray(0, 999)]],
    ['a copy of it', (piece: Buffer) => [Buffer.from(piece)]],
  ])('is not free after %s', (_case, given) => {
    const pool = createBufferPool(0);
    const piece = pool.copy(bytes, pool.openReader());
    for (const part of given(piece)) pool.release(part);
    expect(pool.copy(bytes, pool.openReader()).buffer).not.toBe(piece.buffer);
  });

  it.each([1, 8_191, 16_385, 65_536])('of %i bytes has memory of its own', (length) => {
    const pool = createBufferPool(0);
    const piece = pool.copy(Buffer.alloc(length, 7), pool.openReader());
    expect(piece.equals(Buffer.alloc(length, 7))).toBe(true);
    pool.release(piece);
    expect(pool.copy(bytes, pool.openReader()).buffer).not.toBe(piece.buffer);
  });
});

it('a connection whose content comes in chunks takes no more shared memory, because nobody knows when it is free', () => {
  const pool = createBufferPool();
  const reader = pool.openReader();
  const slab = pool.acquire(reader) ?? Buffer.alloc(0);
  pool.release(pool.handOut(slab, 0, 1000).subarray(10, 500));
  expect(pool.mayAcquire(reader)).toBe(false);
  expect(pool.copy(Buffer.alloc(16_384), reader).buffer).toBeInstanceOf(ArrayBuffer);
});
