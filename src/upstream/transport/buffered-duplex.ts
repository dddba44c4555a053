// A connection as undici reads it, in large pieces. Node gives the content of TLS in pieces of 16 KiB, and to pass one costs as much as to pass far more.

import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { slabBytes, type BufferPool } from './buffer-pool.ts';

export interface BufferedSocket {
  /** What the socket is to be opened with. */
  readonly onread: OnReadOpts;
  /** The connection over the socket that was opened so, when it can carry a request. */
  over(socket: Socket): Duplex;
}

/** The most that TLS puts in a record (RFC 8446 §5.1). A shorter piece is the end of a message, for which somebody waits. */
const fullPieceBytes = 16 * 1024;

/** What is read into while there is no slab. All connections share it: what it holds is copied before anything else runs. */
const intake = Buffer.allocUnsafeSlow(64 * 1024);

/** Nothing is read before there is a connection over the socket. */
export function createBufferedDuplex(bufferPool: BufferPool): BufferedSocket {
  let connection: Connection | undefined;
  return {
    onread: { buffer: () => connection?.room() ?? intake, callback: (size) => connection?.accept(size) ?? true },
    over: (socket) => (connection = new Connection(socket, bufferPool)),
  };
}

class Connection extends Duplex {
  readonly #socket: Socket;
  readonly #bufferPool: BufferPool;
  /** What is read into while much comes: from the start what was delivered, then what came since. */
  #slab: Buffer | undefined;
  #delivered = 0;
  #used = 0;
  #delivery: NodeJS.Immediate | undefined;

  constructor(socket: Socket, bufferPool: BufferPool) {
    super({ allowHalfOpen: false, decodeStrings: false });
    this.#socket = socket;
    this.#bufferPool = bufferPool;
    socket.on('error', (error) => this.destroy(error));
    let hasEnded = false;
    socket.on('end', () => {
      hasEnded = true;
      this.#deliver();
      this.push(null);
    });
    // After an orderly end, what waits for a slow reader is still good: the end reaches them behind it.
    socket.on('close', () => {
      if (!hasEnded) this.destroy();
    });
  }

  /** Where the next read goes. */
  room(): Buffer {
    return this.#slab?.subarray(this.#used) ?? intake;
  }

  /** Takes what came, into the room that was given last. False when it is enough until somebody reads. */
  accept(size: number): boolean {
    if (this.#slab === undefined && size < fullPieceBytes) return this.push(Buffer.from(intake.subarray(0, size)));
    // Filled, not copied: V8 copies into shared memory several times slower.
    if (this.#slab === undefined) this.#begin().fill(intake, 0, size);
    this.#used += size;
    if (size < fullPieceBytes) this.#leave();
    else if (slabBytes - this.#used < fullPieceBytes) {
      this.#leave();
      this.#begin();
    }
    // What comes in the same turn of the event loop goes on in one piece.
    else this.#delivery ??= setImmediate(() => this.#deliverIfRead());
    return this.readableLength === 0;
  }

  #begin(): Buffer {
    this.#delivered = 0;
    this.#used = 0;
    return (this.#slab = this.#bufferPool.take());
  }

  #leave(): void {
    this.#deliver();
    if (this.#slab !== undefined) this.#bufferPool.leave(this.#slab);
    this.#slab = undefined;
  }

  /** One piece at a time: of two that wait, a stream makes a third. */
  #deliverIfRead(): void {
    clearImmediate(this.#delivery);
    this.#delivery = undefined;
    if (this.readableLength === 0) this.#deliver();
  }

  #deliver(): void {
    if (this.#slab === undefined || this.#used === this.#delivered) return;
    const piece = this.#bufferPool.handOut(this.#slab, this.#delivered, this.#used);
    this.#delivered = this.#used;
    this.push(piece);
  }

  /** Holds nothing back from a reader: undici looks for what nobody asked for before it uses a connection again. */
  override read(size?: number): unknown {
    this.#deliverIfRead();
    return super.read(size);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    // It may have closed meanwhile, which is no error here. Those of the socket arrive as such.
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearImmediate(this.#delivery);
    this.#slab = undefined;
    this.#socket.destroy();
    done(error);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}
