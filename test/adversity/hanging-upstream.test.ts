// An upstream that accepts connections and never responds: only requests to it wait.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { endure, storeRegistry } from './support/kit.ts';
import { ask, repeat } from './support/troubles.ts';

test('an upstream that hangs delays no other request', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).once('close', () => sockets.delete(socket)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const check = `mutation { checkRegistry(input: { registry: "${host}", username: "u", password: "p" }, secureConnection: false) { validation { outcome } } }`;
  try {
    expect(
      await endure({
        name: 'an upstream that hangs',
        prepare: async (subject) => {
          await storeRegistry(subject, host, { username: 'u', password: 'p' });
          return async () => undefined;
        },
        begin: async (subject) => {
          const controller = new AbortController();
          const { signal } = controller;
          const pull = (index: number) =>
            fetch(`${subject.url}/v2/${host.replace(':', '_')}/team/app-${index}/manifests/latest`, {
              headers: { authorization: `Basic ${Buffer.from(`any:${subject.token}`).toString('base64')}` },
              signal,
            });
          const stopPulls = repeat(100, async (index) => {
            if (signal.aborted) return;
            await (await pull(index)).arrayBuffer();
          });
          const stopChecks = repeat(20, () => Promise.race([ask(subject, check), once(signal, 'abort')]));
          return async () => {
            controller.abort();
            await Promise.all([stopPulls(), stopChecks()]);
          };
        },
      }),
    ).toEqual([]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
