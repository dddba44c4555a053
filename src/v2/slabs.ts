// Memory for content on its way, used again and again: new memory for each piece costs more than the way itself.

/** Large enough that what each piece costs does not show beside its bytes. */
export const slabBytes = 256 * 1024;

/** Slabs kept while nobody needs them: 16 MiB, enough for some twenty pulls at once. */
const maxIdleSlabs = 64;

export interface Slabs {
  /** A slab for one piece. What nobody gives back is collected like any other memory. */
  take(): Buffer;
  /** Marks what a slab holds, from its start, before it is handed out. */
  handOut(slab: Buffer, usedBytes: number): Buffer;
  /**
   * Takes a piece back that nobody reads any more: others are read into its memory. Does nothing for anything but a whole piece that was
   * handed out and is not back yet, so that no part of a piece frees the rest and none is freed twice.
   */
  readonly giveBack: (piece: Buffer) => void;
}

/** No slabs yet. */
export function createSlabs(): Slabs {
  const idle: Buffer[] = [];
  /** Of each slab that is out: the bytes of its piece. */
  const out = new WeakMap<ArrayBufferLike, number>();
  return {
    take: () => idle.pop() ?? Buffer.alloc(slabBytes),
    handOut(slab, usedBytes) {
      out.set(slab.buffer, usedBytes);
      return slab.subarray(0, usedBytes);
    },
    giveBack({ buffer, byteLength }) {
      if (out.get(buffer) !== byteLength) return;
      out.delete(buffer);
      if (idle.length < maxIdleSlabs) idle.push(Buffer.from(buffer));
    },
  };
}
