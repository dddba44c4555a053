// The connections of this module: the signal that ends those being made keeps none that is made, or has failed.

import { getEventListeners, once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createBufferPool } from '../../../src/upstream/transport/memory/buffer-pool.ts';
import { createConnector } from '../../../src/upstream/transport/connector.ts';
import { createTrust } from '../../../src/upstream/transport/trust.ts';

test.each([
  ['that is made', true],
  ['that is refused', false],
])('a connection %s is not held by the signal that would end it', async (_what, isListening) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  if (!isListening) {
    server.close();
    await once(server, 'close');
  }
  const { signal } = new AbortController();
  const connect = createConnector({
    guard: { refuseAddress: () => undefined, refuseName: () => undefined, isPrivate: () => false },
    lookup: async () => [],
    connectTimeoutMs: 5_000,
    secureContext: createTrust(undefined),
    bufferPool: createBufferPool(),
    verifyCertificate: true,
    signal,
    onPhase: () => undefined,
  });
  const settled = Promise.withResolvers<boolean>();
  connect({ protocol: 'http:', hostname: '127.0.0.1', port: String(port) }, (error, socket) => {
    socket?.destroy();
    settled.resolve(error === null);
  });
  // While it is being made it has to be.
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  expect(await settled.promise).toBe(isListening);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  server.close();
});
