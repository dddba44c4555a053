// Pools the memory that content is read into, because allocating for each piece costs more than streaming it.
// Written by hand: only the connections know which pieces of a shared slab are still read.

/** 1 MiB: large enough that the fixed cost of a piece, such as waking the thread that hashes it, is small next to its bytes. */
export const slabBytes = 1024 * 1024;

/** Slabs kept while they are unused: 16 MiB, enough for about five concurrent pulls at full speed. */
const maxIdleSlabs = 16;

/** Slabs of shared memory, so that a thread can hash content in place. */
export interface BufferPool {
  /** Returns a slab to read pieces into, one after the other. A slab whose pieces are not released is garbage-collected. */
  acquire(): Buffer;
  /** Returns a part of a slab as a piece that is being read. */
  handOut(slab: Buffer, start: number, end: number): Buffer;
  /** Ends reading into the slab. It is reused once all its pieces are released. */
  leave(slab: Buffer): void;
  /** Frees a piece that is no longer read. Ignores anything but a whole piece that is being read, so that no part frees the rest and none is freed twice. */
  readonly release: (piece: Buffer) => void;
}

/** Stands for the start of a piece while the slab is being read into. */
const reading = -1;

/** Creates a pool without slabs. */
export function createBufferPool(): BufferPool {
  const idle: Buffer[] = [];
  /** The pieces of each slab in use that are being read: length by start. */
  const uses = new WeakMap<ArrayBufferLike, Map<number, number>>();
  const endUse = (buffer: ArrayBufferLike, start: number, bytes: number): void => {
    const own = uses.get(buffer);
    if (own?.get(start) !== bytes) return;
    own.delete(start);
    if (own.size > 0) return;
    uses.delete(buffer);
    if (idle.length < maxIdleSlabs) idle.push(Buffer.from(buffer));
  };
  return {
    acquire() {
      const slab = idle.pop() ?? Buffer.from(new SharedArrayBuffer(slabBytes));
      uses.set(slab.buffer, new Map([[reading, 0]]));
      return slab;
    },
    handOut(slab, start, end) {
      uses.get(slab.buffer)?.set(start, end - start);
      return slab.subarray(start, end);
    },
    leave: ({ buffer }) => endUse(buffer, reading, 0),
    release: ({ buffer, byteOffset, byteLength }) => endUse(buffer, byteOffset, byteLength),
  };
}
