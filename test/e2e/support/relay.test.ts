// The relay does to connections what its names say, so that what a suite sees through it is the network's doing.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Relay, startRelay } from './relay.ts';

const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
let relay: Relay;
beforeAll(async () => {
  await once(echo.listen(0, '127.0.0.1'), 'listening');
  relay = await startRelay(`postgres://u@127.0.0.1:${(echo.address() as AddressInfo).port}/d`);
});
afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  echo.close();
});

/** The relay ends it at the end. */
async function connected(): Promise<Socket> {
  const socket = connect(Number(new URL(relay.url).port), '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function echoed(socket: Socket, text: string): Promise<number> {
  const startedAt = performance.now();
  let received = '';
  socket.on('data', (chunk) => (received += String(chunk)));
  socket.write(text);
  await expect.poll(() => received, { interval: 1, timeout: 5_000 }).toContain(text);
  return performance.now() - startedAt;
}

test('it delays each direction, also when the delay changes', async () => {
  const socket = await connected();
  await echoed(socket, 'a');
  relay.delay = { toDatabaseMs: 40, toClientMs: 0 };
  expect(await echoed(socket, 'b')).toBeGreaterThan(38);
  relay.delay = { toDatabaseMs: 40, toClientMs: 60 };
  expect(await echoed(socket, 'c')).toBeGreaterThan(98);
  relay.delay = { toDatabaseMs: 0, toClientMs: 0 };
  await echoed(socket, 'd');
});

test('it hangs, also for new connections, and then goes on with what it kept', async () => {
  const socket = await connected();
  await echoed(socket, 'a');
  relay.hang();
  const later = await connected();
  const answers = Promise.all([echoed(socket, 'b'), echoed(later, 'c')]);
  expect(await Promise.race([answers, pause(100, 'silent')])).toBe('silent');
  relay.resume();
  await answers;
});

test('it loses, half-closes, and resets connections, and serves new ones', async () => {
  const lost = await connected();
  await echoed(lost, 'a');
  relay.loseConnections();
  expect(await Promise.race([echoed(lost, 'b').catch(() => undefined), pause(100, 'silent')])).toBe('silent');
  const halfClosed = await connected();
  await echoed(halfClosed, 'c');
  relay.halfClose();
  await once(halfClosed, 'end');
  const reset = await connected();
  await echoed(reset, 'd');
  relay.resetConnections();
  const [error] = await new Promise<[unknown]>((resolve) => reset.once('error', (...args) => resolve(args)));
  expect(error).toMatchObject({ code: 'ECONNRESET' });
  const fresh = await connected();
  await echoed(fresh, 'e');
});
