// Runs a balancer in front of servers, which forwards each request to the next of them, for all clients.

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Requests that each server got, in the order of the servers. */
  counts(): readonly number[];
  stop(): Promise<void>;
}

/** Returns the address for clients: a balancer, or the server itself if there is only one. */
export async function frontOf(servers: readonly { readonly url: string }[]): Promise<Pick<Balancer, 'url' | 'stop'>> {
  const [first, ...others] = servers;
  return first !== undefined && others.length === 0
    ? { url: first.url, stop: async () => undefined }
    : startBalancer(servers.map(({ url }) => url));
}

/** @param urls `http://host:port` of the servers. One that cannot be reached answers 502. */
export async function startBalancer(urls: readonly string[]): Promise<Balancer> {
  const counts = urls.map(() => 0);
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const next = turn++ % urls.length;
    counts[next] = (counts[next] ?? 0) + 1;
    const { method, headers, url } = incoming;
    const forwarded = ask(`${urls[next]}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    outgoing.on('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  // Some tests send nothing for Node's 5 s, and a request on a connection that is being closed would fail.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts: () => [...counts],
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
