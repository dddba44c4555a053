// Memory for content on its way, used again and again: new memory for each piece costs more than the way itself.

/** Large enough that what each piece costs does not show beside its bytes, waking the thread that hashes it included. */
export const slabBytes = 1024 * 1024;

/** Slabs kept while nobody needs them: 16 MiB, enough for some five pulls at full speed at once. */
const maxIdleSlabs = 16;

/** In shared memory, so that a thread can hash content where it is. */
export interface BufferPool {
  /** A slab to read pieces into, one behind the other. What nobody gives back is collected like any other memory. */
  take(): Buffer;
  /** Marks a part of a slab as a piece that somebody reads. */
  handOut(slab: Buffer, start: number, end: number): Buffer;
  /** Nothing more is read into the slab. When all its pieces are back, it is used again. */
  leave(slab: Buffer): void;
  /** Takes a piece back that nobody reads any more. Does nothing for anything but a whole piece that is out, so that no part of it frees the rest and none is freed twice. */
  readonly giveBack: (piece: Buffer) => void;
}

/** In place of where a piece starts: the slab is being read into. */
const reading = -1;

/** No slabs yet. */
export function createBufferPool(): BufferPool {
  const idle: Buffer[] = [];
  /** Of each slab in use: where its pieces that are out start, and their lengths. */
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
    take() {
      const slab = idle.pop() ?? Buffer.from(new SharedArrayBuffer(slabBytes));
      uses.set(slab.buffer, new Map([[reading, 0]]));
      return slab;
    },
    handOut(slab, start, end) {
      uses.get(slab.buffer)?.set(start, end - start);
      return slab.subarray(start, end);
    },
    leave: ({ buffer }) => endUse(buffer, reading, 0),
    giveBack: ({ buffer, byteOffset, byteLength }) => endUse(buffer, byteOffset, byteLength),
  };
}
