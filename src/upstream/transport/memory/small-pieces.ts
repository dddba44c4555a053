// Copies what is read without a slab into small pieces of memory that is reused: as garbage, they would grow the process to several times what is in use, and memory that is freed piece by piece is not returned to the system.
// Written by hand, because only the connections know which pieces are still read.

/** The maximum size of a TLS record (RFC 8446 §5.1). */
export const smallPieceBytes = 16 * 1024;

/** Less than this is copied into memory of its own, because a small piece would hold twice as much or more. */
const minPooledBytes = smallPieceBytes / 2;

/** Small pieces kept while they are unused: 8 MiB, what 128 pulls that make no progress hold. */
const maxIdlePieces = 512;

/** Small pieces of shared memory. */
export interface SmallPieces<Reader> {
  /** Returns a copy, as a piece that is being read. Any size but that of a small piece gets memory of its own. */
  copy(bytes: Buffer, reader: Reader): Buffer;
  /** Returns who reads the piece in this memory, or undefined if it is none. */
  readerOf(memory: ArrayBufferLike): Reader | undefined;
  /** Frees the piece in this memory if it ends there. Returns whether it did. */
  release(memory: ArrayBufferLike, end: number): boolean;
}

/** Creates them without any memory. */
export function createSmallPieces<Reader>(): SmallPieces<Reader> {
  const idle: Buffer[] = [];
  /** The pieces that are being read, by memory. */
  const pieces = new WeakMap<ArrayBufferLike, { readonly bytes: number; readonly reader: Reader }>();
  return {
    copy(bytes, reader) {
      if (bytes.length < minPooledBytes || bytes.length > smallPieceBytes) return Buffer.from(bytes);
      const memory = idle.pop() ?? Buffer.from(new SharedArrayBuffer(smallPieceBytes));
      pieces.set(memory.buffer, { bytes: bytes.length, reader });
      // Filled, not copied: V8 copies into shared memory several times slower.
      return memory.subarray(0, bytes.length).fill(bytes);
    },
    readerOf: (memory) => pieces.get(memory)?.reader,
    release(memory, end) {
      if (pieces.get(memory)?.bytes !== end) return false;
      pieces.delete(memory);
      if (idle.length < maxIdlePieces) idle.push(Buffer.from(memory));
      return true;
    },
  };
}
