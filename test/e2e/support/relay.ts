// Relays connections to a database, and can lose them like a host without power (no more bytes arrive, and no end either) or reset them like a proxy that restarts.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay extends AsyncDisposable {
  /** The database's url, through the relay. */
  readonly url: string;
  /** Forwards nothing more through the existing connections. New ones work. */
  loseConnections(): void;
  /** Resets the existing connections. New ones work. */
  resetConnections(): void;
}

export async function startRelay(databaseUrl: string): Promise<Relay> {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    client.pipe(database).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: databaseUrl.replace(`:${port}`, `:${(server.address() as AddressInfo).port}`),
    loseConnections: () => sockets.forEach((socket) => socket.unpipe().pause()),
    resetConnections: reset,
    async [Symbol.asyncDispose]() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}
