// A connection as undici reads it, in large pieces. Node gives the content of TLS in pieces of 16 KiB, and to pass one costs as much as to pass 256 KiB.

import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Slabs } from './slabs.ts';

export interface Wire {
  /** What the socket is to be opened with. */
  readonly onread: OnReadOpts;
  /** The connection over the socket that was opened so, when it can carry a request. */
  over(socket: Socket): Duplex;
}

/** The most that TLS puts in a record (RFC 8446 §5.1). A shorter piece is the end of a message, for which somebody waits. */
const fullPieceBytes = 16 * 1024;

/** What one read takes from the kernel. All connections share it: what it holds is copied before anything else runs. */
const intake = Buffer.allocUnsafeSlow(64 * 1024);

/** Nothing is read before there is a connection over the socket. */
export function createWire(slabs: Slabs): Wire {
  let connection: Connection | undefined;
  return {
    onread: { buffer: intake, callback: (size) => connection?.accept(intake.subarray(0, size)) ?? true },
    over: (socket) => (connection = new Connection(socket, slabs)),
  };
}

class Connection extends Duplex {
  readonly #socket: Socket;
  readonly #slabs: Slabs;
  /** Holds what came and was not delivered yet, from its start. */
  #slab: Buffer | undefined;
  #used = 0;
  #delivery: NodeJS.Immediate | undefined;

  constructor(socket: Socket, slabs: Slabs) {
    super({ allowHalfOpen: false, decodeStrings: false });
    this.#socket = socket;
    this.#slabs = slabs;
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

  /** Takes what came. False when it is enough until somebody reads. */
  accept(bytes: Buffer): boolean {
    if (this.#slab === undefined && bytes.length < fullPieceBytes) return this.push(Buffer.from(bytes));
    this.#slab ??= this.#slabs.take();
    this.#used += bytes.copy(this.#slab, this.#used);
    if (this.#slab.length - this.#used < intake.length) this.#deliver();
    // What comes in the same turn of the event loop goes on in one piece.
    else this.#delivery ??= setImmediate(() => this.#deliverIfRead());
    return this.readableLength === 0;
  }

  /** One piece at a time: of two that wait, a stream makes a third. */
  #deliverIfRead(): void {
    clearImmediate(this.#delivery);
    this.#delivery = undefined;
    if (this.readableLength === 0) this.#deliver();
  }

  #deliver(): void {
    if (this.#slab === undefined) return;
    const piece = this.#slabs.handOut(this.#slab, this.#used);
    this.#slab = undefined;
    this.#used = 0;
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
