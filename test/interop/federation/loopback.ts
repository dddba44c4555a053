// Servers on loopback, at whatever port is free.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts listening and gives the address, without a slash at the end. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Ends it, with whatever connections a client keeps. */
export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
}
