// Memory that is used again: a piece that somebody may still read is never read into.

import { describe, expect, it } from 'vitest';
import { createBufferPool, type BufferPool } from '../../../src/upstream/transport/buffer-pool.ts';

/** A piece that is all of a slab's content, as long as nothing more is read into it. */
function onlyPiece(slabs: BufferPool, slab: Buffer, bytes: number): Buffer {
  const piece = slabs.handOut(slab, 0, bytes);
  slabs.leave(slab);
  return piece;
}

describe('a slab', () => {
  it('is used again once its piece was given back', () => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    slabs.giveBack(onlyPiece(slabs, slab, 1000));
    expect(slabs.take().buffer).toBe(slab.buffer);
  });

  it('is used again once the last of its pieces was given back, in whatever order', () => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    const pieces = [
      slabs.handOut(slab, 0, 500),
      slabs.handOut(slab, 500, 1000),
      slabs.handOut(slab, 1000, 1500),
    ] as const;
    slabs.leave(slab);
    slabs.giveBack(pieces[2]);
    slabs.giveBack(pieces[0]);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
    slabs.giveBack(pieces[1]);
    expect(slabs.take().buffer).toBe(slab.buffer);
  });

  it('is new memory as long as no piece was given back', () => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    onlyPiece(slabs, slab, 1000);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it('is new memory as long as more is read into it, whatever was given back', () => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    slabs.giveBack(slabs.handOut(slab, 0, 1000));
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it.each([
    ['the beginning of its piece', (piece: Buffer) => [piece.subarray(0, 999)]],
    ['the end of its piece', (piece: Buffer) => [piece.subarray(1)]],
    ['more than its piece', (piece: Buffer) => [Buffer.from(piece.buffer)]],
    ['a copy of its piece', (piece: Buffer) => [Buffer.from(piece)]],
    ['all parts of its piece, one by one', (piece: Buffer) => [piece.subarray(0, 500), piece.subarray(500)]],
  ])('is not free after %s', (_case, given) => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    for (const part of given(onlyPiece(slabs, slab, 1000))) slabs.giveBack(part);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it.each([
    [
      'given back',
      (slabs: BufferPool, slab: Buffer) =>
        [slabs.handOut(slab, 0, 1000)].flatMap((piece) => [piece, piece]).forEach(slabs.giveBack),
    ],
    ['left', (slabs: BufferPool, slab: Buffer) => slabs.leave(slab)],
  ])('that is %s twice is free once', (_case, twice) => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    twice(slabs, slab);
    slabs.leave(slab);
    slabs.leave(slab);
    expect(slabs.take().buffer).not.toBe(slabs.take().buffer);
  });

  it('that was given back but never handed out is not free', () => {
    const slabs = createBufferPool();
    const slab = slabs.take();
    slabs.giveBack(slab);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it('is kept for later only up to a number, however many were out', () => {
    const slabs = createBufferPool();
    const all = Array.from({ length: 50 }, () => slabs.take());
    for (const slab of all) slabs.giveBack(onlyPiece(slabs, slab, 1024 * 1024));
    const known = new Set(all.map(({ buffer }) => buffer));
    const again = Array.from({ length: 50 }, () => slabs.take().buffer);
    expect(again.filter((buffer) => known.has(buffer))).toHaveLength(16);
  });
});
