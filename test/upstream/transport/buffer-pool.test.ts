// Reused memory: a piece that may still be read is never overwritten.

import { describe, expect, it } from 'vitest';
import { createBufferPool, type BufferPool } from '../../../src/upstream/transport/buffer-pool.ts';

/** A piece that is all of a slab's content, as long as nothing more is read into it. */
function onlyPiece(pool: BufferPool, slab: Buffer, bytes: number): Buffer {
  const piece = pool.handOut(slab, 0, bytes);
  pool.leave(slab);
  return piece;
}

describe('a slab', () => {
  it('is reused once its piece is released', () => {
    const pool = createBufferPool();
    const slab = pool.acquire();
    pool.release(onlyPiece(pool, slab, 1000));
    expect(pool.acquire().buffer).toBe(slab.buffer);
  });

  it('is reused once the last of its pieces is released, in any order', () => {
    const pool = createBufferPool();
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
    const pool = createBufferPool();
    const slab = pool.acquire();
    onlyPiece(pool, slab, 1000);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it('is not reused while more is read into it, even if all its pieces are released', () => {
    const pool = createBufferPool();
    const slab = pool.acquire();
    pool.release(pool.handOut(slab, 0, 1000));
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it.each([
    ['the beginning of its piece', (piece: Buffer) => [piece.subarray(0, 999)]],
    ['the end of its piece', (piece: Buffer) => [piece.subarray(1)]],
    ['more than its piece', (piece: Buffer) => [Buffer.from(piece.buffer)]],
    ['a copy of its piece', (piece: Buffer) => [Buffer.from(piece)]],
    ['all parts of its piece, one by one', (piece: Buffer) => [piece.subarray(0, 500), piece.subarray(500)]],
  ])('is not free after %s', (_case, given) => {
    const pool = createBufferPool();
    const slab = pool.acquire();
    for (const part of given(onlyPiece(pool, slab, 1000))) pool.release(part);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it.each([
    [
      'released',
      (pool: BufferPool, slab: Buffer) =>
        [pool.handOut(slab, 0, 1000)].flatMap((piece) => [piece, piece]).forEach(pool.release),
    ],
    ['left', (pool: BufferPool, slab: Buffer) => pool.leave(slab)],
  ])('that is %s twice is free once', (_case, twice) => {
    const pool = createBufferPool();
    const slab = pool.acquire();
    twice(pool, slab);
    pool.leave(slab);
    pool.leave(slab);
    expect(pool.acquire().buffer).not.toBe(pool.acquire().buffer);
  });

  it('that was released but never handed out is not reused', () => {
    const pool = createBufferPool();
    const slab = pool.acquire();
    pool.release(slab);
    expect(pool.acquire().buffer).not.toBe(slab.buffer);
  });

  it('is kept for later only up to a number, however many were out', () => {
    const pool = createBufferPool();
    const all = Array.from({ length: 50 }, () => pool.acquire());
    for (const slab of all) pool.release(onlyPiece(pool, slab, 1024 * 1024));
    const known = new Set(all.map(({ buffer }) => buffer));
    const again = Array.from({ length: 50 }, () => pool.acquire().buffer);
    expect(again.filter((buffer) => known.has(buffer))).toHaveLength(16);
  });
});
