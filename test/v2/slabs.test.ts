// Memory that is used again: a piece that somebody may still read is never read into.

import { describe, expect, it } from 'vitest';
import { createSlabs, slabBytes } from '../../src/v2/slabs.ts';

describe('a slab', () => {
  it('is used for the next piece once its own was given back', () => {
    const slabs = createSlabs();
    const slab = slabs.take();
    slabs.giveBack(slabs.handOut(slab, 1000));
    expect(slabs.take().buffer).toBe(slab.buffer);
  });

  it('is new memory as long as no piece was given back', () => {
    const slabs = createSlabs();
    const slab = slabs.take();
    slabs.handOut(slab, 1000);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it.each([
    ['the beginning of its piece', (piece: Buffer) => [piece.subarray(0, 999)]],
    ['the end of its piece', (piece: Buffer) => [piece.subarray(1)]],
    ['more than its piece', (piece: Buffer) => [Buffer.from(piece.buffer)]],
    ['a copy of its piece', (piece: Buffer) => [Buffer.from(piece)]],
    ['all parts of its piece, one by one', (piece: Buffer) => [piece.subarray(0, 500), piece.subarray(500)]],
  ])('is not free after %s', (_case, given) => {
    const slabs = createSlabs();
    const slab = slabs.take();
    for (const part of given(slabs.handOut(slab, 1000))) slabs.giveBack(part);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it('that is given back twice is free once', () => {
    const slabs = createSlabs();
    const piece = slabs.handOut(slabs.take(), 1000);
    slabs.giveBack(piece);
    slabs.giveBack(piece);
    expect(slabs.take().buffer).not.toBe(slabs.take().buffer);
  });

  it('that was never handed out is not free', () => {
    const slabs = createSlabs();
    const slab = slabs.take();
    slabs.giveBack(slab);
    expect(slabs.take().buffer).not.toBe(slab.buffer);
  });

  it('is kept for later only up to a number, however many were out', () => {
    const slabs = createSlabs();
    const all = Array.from({ length: 100 }, () => slabs.take());
    for (const slab of all) slabs.giveBack(slabs.handOut(slab, slabBytes));
    const known = new Set(all.map(({ buffer }) => buffer));
    const again = Array.from({ length: 100 }, () => slabs.take().buffer);
    expect(again.filter((buffer) => known.has(buffer))).toHaveLength(64);
  });
});
