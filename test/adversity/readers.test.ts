// Three hundred clients that request a large layer and read nothing, then three hundred that read a byte a second.

import { connect, type Socket } from 'node:net';
import { expect, inject, test } from 'vitest';
import { endure, type Subject } from './support/kit.ts';
import { blobDigest } from './support/registry-process.ts';
import { ask } from './support/troubles.ts';

const readers = 300;

/** Another login than that of the well-behaved client, whose pulls come from the same registry. */
async function createPullToken(subject: Subject): Promise<string> {
  const answer = await ask(subject, 'mutation { createToken(input: { role: PULL, name: "reader" }) { text } }');
  const token = /rgw_[^"]+/.exec(answer)?.[0];
  if (token === undefined) throw new Error(`No token was created: ${answer}`);
  return token;
}

function openReader({ url }: Subject, token: string, host: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  // Nothing is read until a client requests it.
  socket.pause();
  socket.write(
    `GET /v2/${host.replace(':', '_')}/team/app/blobs/${blobDigest} HTTP/1.1\r\nHost: regway\r\nAuthorization: Basic ${Buffer.from(`any:${token}`).toString('base64')}\r\n\r\n`,
  );
  return socket;
}

test.each([
  ['readers that read nothing', () => undefined],
  ['readers of a byte a second', (socket: Socket) => void socket.read(1)],
])('%s delay no other request', { timeout: 600_000 }, async (name, read) => {
  expect(
    await endure({
      name: `${readers} ${name} (${inject('adversity').registries} registries)`,
      begin: async (subject) => {
        const token = await createPullToken(subject);
        const sockets = Array.from({ length: readers }, () => openReader(subject, token, subject.healthyHost));
        const timer = setInterval(() => sockets.forEach(read), 1_000);
        return async () => {
          clearInterval(timer);
          for (const socket of sockets) socket.destroy();
        };
      },
    }),
  ).toEqual([]);
});
