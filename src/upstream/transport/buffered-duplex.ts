// Presents a connection to undici in pieces of up to 1 MiB, because Node reads TLS in pieces of 16 KiB, and passing a piece costs the same at any size.
// Written by hand: streams of Node and npm copy, or cannot hand out pooled memory.

import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { errors } from 'undici';
import { staleConnectionCode } from '../errors/network-errors.ts';
import { slabBytes, type BufferPool, type SlabReader } from './memory/buffer-pool.ts';
import { smallPieceBytes } from './memory/small-pieces.ts';

export interface BufferedSocket {
  /** The option that the socket must be opened with. */
  readonly onread: OnReadOpts;
  /** Returns the connection over that socket, once it can carry a request. */
  over(socket: Socket): Duplex;
}

/** A shorter piece ends a message, so it is delivered at once. Without a slab, a connection reads no more at once, and waits until that was read. */
const fullPieceBytes = smallPieceBytes;

/** Read into while there is no slab. Shared by all connections, because its content is copied before anything else runs. */
const intake = Buffer.allocUnsafeSlow(64 * 1024);

/** Interim responses, which a client must skip even if it expects none (RFC 9110 §15.2). undici ends the connection at a 100. */
const interimResponses = /^(?:HTTP\/1\.[01] 1(?!01)\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)+/;

/** Bytes that are searched for interim responses: a few of some hundred bytes each. */
const maxInterimBytes = 8 * 1024;

/** Creates the buffer of one socket. Nothing is read before there is a connection over it. */
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
  readonly #reader: SlabReader;
  /** Read into while much arrives: first what was delivered, then what arrived since. */
  #slab: Buffer | undefined;
  #delivered = 0;
  #used = 0;
  #delivery: NodeJS.Immediate | undefined;
  /** Whether the connection has carried a response before the last request. */
  #isReused = false;
  #hasReceived = false;
  /** Whether a request was written and no byte has arrived since. */
  #isWaiting = false;
  /** Whether the other side ended the connection, or the network lost it. */
  #isLost = false;

  constructor(socket: Socket, bufferPool: BufferPool) {
    super({ allowHalfOpen: false, decodeStrings: false, readableHighWaterMark: fullPieceBytes });
    this.#socket = socket;
    this.#bufferPool = bufferPool;
    this.#reader = bufferPool.openReader();
    socket.on('error', (error) => {
      this.#isLost = true;
      this.destroy(error);
    });
    let hasEnded = false;
    socket.on('end', () => {
      hasEnded = true;
      this.#isLost = true;
      this.#deliver();
      this.push(null);
    });
    // After an orderly end, what a slow reader has not read yet is still valid; the end follows it.
    socket.on('close', () => {
      if (hasEnded) return;
      this.#isLost = true;
      this.destroy();
    });
  }

  /** Returns the memory of the next read. */
  room(): Buffer {
    if (this.#slab !== undefined) return this.#slab.subarray(this.#used);
    return this.#bufferPool.mayAcquire(this.#reader) ? intake : intake.subarray(0, fullPieceBytes);
  }

  /** Accepts what was read into the last room. Returns false to pause until there is a reader. */
  accept(arrived: number): boolean {
    this.#hasReceived = true;
    const size = this.#isWaiting && this.#slab === undefined ? withoutInterim(arrived) : arrived;
    if (size === 0) return true;
    this.#isWaiting = false;
    if (this.#slab === undefined && (size < fullPieceBytes || !this.#begin(size))) {
      this.push(this.#bufferPool.copy(intake.subarray(0, size), this.#reader));
      return this.readableLength < fullPieceBytes;
    }
    this.#used += size;
    if (size < fullPieceBytes || slabBytes - this.#used < fullPieceBytes) this.#leave();
    // What arrives in the same turn of the event loop is delivered in one piece.
    else this.#delivery ??= setImmediate(() => this.#deliverIfRead());
    return this.readableLength === 0;
  }

  /** Begins a slab with what was read without one. Returns false if there is none. */
  #begin(size: number): boolean {
    this.#delivered = 0;
    this.#used = 0;
    this.#slab = this.#bufferPool.acquire(this.#reader);
    // Filled, not copied: V8 copies into shared memory several times slower.
    this.#slab?.fill(intake, 0, size);
    return this.#slab !== undefined;
  }

  #leave(): void {
    this.#deliver();
    if (this.#slab !== undefined) this.#bufferPool.leave(this.#slab);
    this.#slab = undefined;
  }

  /** Delivers one piece at a time, because a stream concatenates two waiting ones into a third. */
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

  /** Delivers everything first: undici looks for unexpected data before it reuses a connection. */
  override read(size?: number): unknown {
    this.#deliverIfRead();
    return super.read(size);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#isWaiting) this.#beginRequest();
    this.#isWaiting = true;
    this.#socket.write(chunk, encoding, (error) => {
      if (error instanceof Error) this.#isLost = true;
      done(error);
    });
  }

  /** Forgets whose content the last response was. The slab stays: the socket already has the room of its next read, which is in it. */
  #beginRequest(): void {
    this.#isReused = this.#hasReceived;
    Object.assign(this.#reader, { owner: '', isFragmented: false });
  }

  override _final(done: () => void): void {
    // The socket can be closed by now, which is no error here. Its own errors arrive as events.
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearImmediate(this.#delivery);
    if (this.#slab !== undefined) this.#bufferPool.leave(this.#slab);
    this.#slab = undefined;
    this.#socket.destroy();
    done(this.#isLost && this.#hasReceived ? this.#lossOf(error) : error);
  }

  /**
   * Names the loss of a connection that has carried a response: stale if the next request has no byte of an answer. Otherwise a SocketError, after
   * which undici sends a request that is not written yet over another connection.
   */
  #lossOf(cause: Error | null): Error | null {
    if (this.#isReused && this.#isWaiting) return staleConnection(cause);
    if (cause === null || cause instanceof errors.SocketError) return cause;
    return Object.assign(new errors.SocketError('The connection was lost.'), { cause });
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

/** Removes interim responses from the start of the intake. Returns the bytes that are left. */
function withoutInterim(size: number): number {
  // Character 9 is the first of the status.
  if (intake[9] !== 0x31) return size;
  const [{ length } = ''] = interimResponses.exec(intake.toString('latin1', 0, Math.min(size, maxInterimBytes))) ?? [];
  if (length > 0) intake.copyWithin(0, length, size);
  return size - length;
}

function staleConnection(cause: Error | null): Error {
  const error = new Error('The server closed a reused connection before it answered.', { cause });
  return Object.assign(error, { code: staleConnectionCode });
}
