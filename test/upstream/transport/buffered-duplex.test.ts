// The connection that undici reads: the bytes arrive unchanged and in order, and a waiting reader gets them immediately.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn, setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBufferPool, type BufferPool } from '../../../src/upstream/transport/memory/buffer-pool.ts';
import { createBufferedDuplex, type BufferedSocket } from '../../../src/upstream/transport/buffered-duplex.ts';

interface Open {
  readonly wire: BufferedSocket;
  readonly connection: Duplex;
  readonly socket: Socket;
  /** Where the next bytes are to be put. */
  readonly room: { buffer: Uint8Array };
}

/** Opens a connection to a scripted server. */
async function open(serve: (peer: Socket) => void, slabs: BufferPool = createBufferPool()): Promise<Open> {
  const server = createServer((peer) => {
    peer.on('error', () => undefined);
    serve(peer);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const wire = createBufferedDuplex(slabs);
  const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, onread: wire.onread });
  await once(socket, 'connect');
  const connection = wire.over(socket);
  onTestFinished(() => {
    connection.destroy();
    server.close();
  });
  return { wire, connection, socket, room: { buffer: nextRoom(wire) } };
}

/** As if so many bytes had come. */
function arrive({ wire, room }: Open, bytes: Buffer): boolean {
  bytes.copy(room.buffer);
  const goesOn = wire.onread.callback(bytes.length, room.buffer);
  room.buffer = nextRoom(wire);
  return goesOn;
}

/** Node requests a buffer when it connects and after each read. */
function nextRoom({ onread: { buffer } }: BufferedSocket): Uint8Array {
  return typeof buffer === 'function' ? buffer() : buffer;
}

describe('a connection', () => {
  it.each([1, 700, 16_384, 100_000, 1_000_000])(
    'returns the received bytes in order, and their end, for pieces of %i bytes',
    async (size) => {
      const sent = randomBytes(Math.min(4_000_000, size * 3_000));
      const slabs = createBufferPool();
      const { connection } = await open((peer) => {
        for (let start = 0; start < sent.length; start += size) peer.write(sent.subarray(start, start + size));
        peer.end();
      }, slabs);
      const hash = createHash('sha256');
      for await (const piece of connection as AsyncIterable<Buffer>) {
        hash.update(piece);
        // The next bytes overwrite those that were read.
        slabs.release(piece);
        if (piece.length % 7 === 0) await turn();
      }
      expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
    },
  );

  it('joins what comes in one turn of the event loop', async () => {
    const opened = await open(() => undefined);
    const pieces = [1, 2, 3].map((byte) => Buffer.alloc(16_384, byte));
    for (const piece of pieces) arrive(opened, piece);
    opened.connection.resume();
    expect(await once(opened.connection, 'data')).toEqual([Buffer.concat(pieces)]);
  });

  it('holds nothing back from a reader, so that unrequested bytes are seen before the next request', async () => {
    const opened = await open(() => undefined);
    const unasked = Buffer.alloc(16_384, 'x');
    arrive(opened, unasked);
    expect(opened.connection.read()).toEqual(unasked);
  });

  it('returns two pieces of different turns of the event loop from the same memory, each unchanged', async () => {
    const opened = await open(() => undefined);
    const { connection } = opened;
    const received: Buffer[] = [];
    connection.on('data', (piece: Buffer) => received.push(piece));
    const sent = [1, 2].map((byte) => Buffer.alloc(20_000, byte));
    for (const piece of sent) {
      arrive(opened, piece);
      await setTimeout(10);
    }
    expect(received).toEqual(sent);
    expect(received[0]?.buffer).toBe(received[1]?.buffer);
  });

  it('reads no more than two slabs from the kernel for a reader that does not read', async () => {
    const opened = await open(() => undefined);
    let bytes = 0;
    while (arrive(opened, Buffer.alloc(16_384))) bytes += 16_384;
    expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  });

  it('without a slab takes 16 KiB at once, and no more before they were read', async () => {
    const opened = await open(() => undefined, createBufferPool(0));
    expect(opened.room.buffer).toHaveLength(16 * 1024);
    const sent = [1, 2, 3].map((byte) => Buffer.alloc(16_384, byte));
    for (const piece of sent) {
      expect(arrive(opened, piece)).toBe(false);
      expect(opened.connection.readableLength).toBe(16_384);
      expect(opened.connection.read()).toEqual(piece);
    }
  });

  it('keeps the slab that its socket already reads into when the next request is sent', async () => {
    const pool = createBufferPool();
    const opened = await open(() => undefined, pool);
    arrive(opened, Buffer.alloc(16_384, 1));
    pool.release(opened.connection.read() as Buffer);
    opened.connection.write('GET');
    // What another connection reads meanwhile.
    pool.acquire(pool.openReader())?.fill(9);
    const sent = [2, 3].map((byte) => Buffer.alloc(16_384, byte));
    for (const piece of sent) {
      arrive(opened, piece);
      expect(opened.connection.read()).toEqual(piece);
    }
  });

  it('that is closed leaves its slab', async () => {
    const slabs = createBufferPool();
    const opened = await open(() => undefined, slabs);
    arrive(opened, Buffer.alloc(16_384));
    slabs.release(opened.connection.read() as Buffer);
    opened.connection.destroy();
    await once(opened.connection, 'close');
    expect(slabs.usedBytes()).toBe(0);
  });

  it('sends what is written, and its end', async () => {
    const received: Buffer[] = [];
    const ended = Promise.withResolvers<void>();
    const { connection } = await open((peer) =>
      peer.on('data', (piece: Buffer) => received.push(piece)).on('end', () => ended.resolve()),
    );
    connection.write('GET / HTTP/1.1\r\n', 'latin1');
    connection.end(Buffer.from('\r\n'));
    await ended.promise;
    expect(Buffer.concat(received).toString()).toBe('GET / HTTP/1.1\r\n\r\n');
  });

  it.each([
    ['a small piece', 700],
    ['a slab that was to follow in the next turn', 20_000],
    ['more than a slab', 1_500_000],
  ])(
    'returns the waiting bytes and their end to a reader that starts after the peer has left: %s',
    async (_what, size) => {
      const sent = randomBytes(size);
      const { connection, socket } = await open((peer) => void peer.end(sent));
      const received: Buffer[] = [];
      connection.read(0);
      await setTimeout(50);
      connection.on('data', (piece: Buffer) => received.push(piece));
      await once(connection, 'close');
      expect(Buffer.concat(received).equals(sent)).toBe(true);
      expect(socket.destroyed).toBe(true);
    },
  );

  it('fails with an error if the peer resets it, after any bytes', async () => {
    const { connection, socket } = await open((peer) =>
      peer.once('data', () => peer.write('half', () => peer.resetAndDestroy())),
    );
    connection.resume().write('GET');
    expect(await once(connection, 'error')).toMatchObject([{ code: 'UND_ERR_SOCKET', cause: { code: 'ECONNRESET' } }]);
    expect([connection.destroyed, socket.destroyed]).toEqual([true, true]);
  });

  it('fails with the error of its socket, and closes it when it is destroyed', async () => {
    const first = await open(() => undefined);
    first.socket.destroy(new Error('cut'));
    expect(await once(first.connection, 'error')).toMatchObject([{ message: 'cut' }]);
    const second = await open(() => undefined);
    second.connection.destroy();
    await once(second.socket, 'close');
    expect(second.socket.destroyed).toBe(true);
  });
});
