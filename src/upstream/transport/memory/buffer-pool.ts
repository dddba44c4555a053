// Pools the memory that content is read into, within a budget: allocating for each piece costs more than streaming it, and clients that do not read must not fill the memory.
// Written by hand: only the connections know which pieces of a shared slab are still read.

import { createSmallPieces } from './small-pieces.ts';

/** 1 MiB: large enough that the fixed cost of a piece, such as waking the thread that hashes it, is small next to its bytes. */
export const slabBytes = 1024 * 1024;

/** 16 MiB, enough for about five concurrent pulls at full speed. Further ones pass in pieces of 16 KiB. */
const maxSlabs = 16;

/** Slabs kept while they are unused: 8 MiB, enough for two or three concurrent pulls at full speed. */
const maxIdleSlabs = 8;

/** What a connection can hold of its owner's share, as a divisor: the next reader always finds something. */
const readerShare = 2;

/** A connection that reads into slabs. */
export interface SlabReader {
  /** Whose content it reads, as far as known. */
  owner: string;
  /** Slabs in use by its pieces. */
  slabs: number;
  /** Whether its pieces do not end where parts of the content do, as with chunks (RFC 9112 §7.1): nobody knows when they are no longer read. */
  isFragmented: boolean;
}

/** Slabs of shared memory, so that a thread can hash content in place. */
export interface BufferPool {
  /** Returns a reader without slabs, whose owner is not known. */
  openReader(): SlabReader;
  /** Returns whether `acquire` returns a slab. */
  mayAcquire(reader: SlabReader): boolean;
  /**
   * Returns a slab to read pieces into, one after the other. Returns undefined if the reader must do without one: a reader holds at most a part of
   * what its owner may still take, and an owner as much as it leaves free.
   */
  acquire(reader: SlabReader): Buffer | undefined;
  /** Returns a copy of what was read without a slab, as a piece that is being read. */
  copy(bytes: Buffer, reader: SlabReader): Buffer;
  /** Returns a part of a slab as a piece that is being read. */
  handOut(slab: Buffer, start: number, end: number): Buffer;
  /** Ends reading into the slab. It is reused once all its pieces are released. */
  leave(slab: Buffer): void;
  /**
   * Frees a piece that is no longer read. A part that ends where the piece does frees it, because parts are released in order: the headers of a
   * response come before it. Ignores any other part, so that none frees the rest and none is freed twice.
   * @param owner Whose content it was; the reader takes its next slabs from the share of this owner.
   */
  release(this: void, piece: Buffer, owner?: string): void;
  /** Returns the bytes of slabs in use, whole slabs counted. */
  usedBytes(): number;
}

/** Stands for the end of a piece while the slab is being read into. */
const reading = -1;

/** A slab in use: the pieces that are being read, start by end, and who is charged for it. */
interface SlabUse {
  readonly pieces: Map<number, number>;
  readonly reader: SlabReader;
  readonly owner: string;
}

/** Creates a pool without slabs. @param max Maximum number of slabs in use. */
export function createBufferPool(max = maxSlabs): BufferPool {
  const idle: Buffer[] = [];
  const smallPieces = createSmallPieces<SlabReader>();
  const uses = new WeakMap<ArrayBufferLike, SlabUse>();
  /** Slabs in use by owner. */
  const owned = new Map<string, number>();
  let used = 0;
  const charge = ({ reader, owner }: SlabUse, slabs: 1 | -1): void => {
    used += slabs;
    reader.slabs += slabs;
    const count = (owned.get(owner) ?? 0) + slabs;
    if (count === 0) owned.delete(owner);
    else owned.set(owner, count);
  };
  // Pieces that waited in a connection when it broke are released by nobody.
  const lost = new FinalizationRegistry<SlabUse>((use) => charge(use, -1));
  const endUse = (use: SlabUse | undefined, buffer: ArrayBufferLike, end: number): void => {
    if (use?.pieces.delete(end) !== true) return;
    if (use.pieces.size > 0) return;
    uses.delete(buffer);
    lost.unregister(buffer);
    charge(use, -1);
    if (idle.length < maxIdleSlabs) idle.push(Buffer.from(buffer));
  };
  const mayAcquire = ({ owner, slabs, isFragmented }: SlabReader): boolean => {
    if (isFragmented) return false;
    const share = max - used - (owned.get(owner) ?? 0);
    return share > 0 && slabs * readerShare <= share;
  };
  return {
    openReader: () => ({ owner: '', slabs: 0, isFragmented: false }),
    mayAcquire,
    acquire(reader) {
      if (!mayAcquire(reader)) return undefined;
      const slab = idle.pop() ?? Buffer.from(new SharedArrayBuffer(slabBytes));
      const use = { pieces: new Map([[reading, 0]]), reader, owner: reader.owner };
      uses.set(slab.buffer, use);
      lost.register(slab.buffer, use, slab.buffer);
      charge(use, 1);
      return slab;
    },
    copy: (bytes, reader) => (reader.isFragmented ? Buffer.from(bytes) : smallPieces.copy(bytes, reader)),
    handOut(slab, start, end) {
      uses.get(slab.buffer)?.pieces.set(end, start);
      return slab.subarray(start, end);
    },
    leave: ({ buffer }) => endUse(uses.get(buffer), buffer, reading),
    release({ buffer, byteOffset, byteLength }, owner) {
      const end = byteOffset + byteLength;
      const use = uses.get(buffer);
      const reader = use?.reader ?? smallPieces.readerOf(buffer);
      if (reader !== undefined && owner !== undefined) reader.owner = owner;
      if (smallPieces.release(buffer, end)) return;
      if (use !== undefined && byteOffset >= (use.pieces.get(end) ?? Infinity)) endUse(use, buffer, end);
      else if (reader !== undefined) reader.isFragmented = true;
    },
    usedBytes: () => used * slabBytes,
  };
}
