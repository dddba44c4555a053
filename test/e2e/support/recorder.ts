// Sits on the wire between clients and a server and keeps every byte of both directions.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

export interface Recorder {
  /** `http://127.0.0.1:port`, where clients connect to. */
  readonly url: string;
  /** Where connections go from now on, as `http://host:port`. */
  forwardTo(url: string): void;
  /** Forgets what was recorded so far. */
  clear(): void;
  /** The bytes that clients sent. */
  sent(): Buffer;
  /** The bytes that clients received. */
  received(): Buffer;
  stop(): Promise<void>;
}

/** Starts it on a free port. A client that connects before `forwardTo` is cut off. */
export async function startRecorder(): Promise<Recorder> {
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  const open = new Set<Socket>();
  let target: URL | undefined;
  const server = createServer((client) => {
    if (target === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    open.add(client).add(upstream);
    void join(client, upstream, sent);
    void join(upstream, client, received);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forwardTo: (url) => (target = new URL(url)),
    clear() {
      sent.length = 0;
      received.length = 0;
    },
    sent: () => Buffer.concat(sent),
    received: () => Buffer.concat(received),
    async stop() {
      server.close();
      open.forEach((socket) => socket.destroy());
      await once(server, 'close');
    },
  };
}

/** Either side may go away at any time; then the other is cut off too, as without a recorder. */
async function join(from: Socket, to: Socket, record: Buffer[]): Promise<void> {
  from.on('data', (bytes: Buffer) => record.push(bytes));
  await pipeline(from, to).catch(() => undefined);
}
