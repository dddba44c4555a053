// Starts loopback servers that are not docker-registry: a web site, a registry that counts credentials, a closed port.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeServer {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Values of every Authorization header that arrived. */
  readonly authorizations: readonly string[];
  requestCount(): number;
  stop(): Promise<void>;
}

/** A plain HTTP server on a free port that remembers which credentials came. */
export async function startFakeServer(answer: RequestListener): Promise<FakeServer> {
  const authorizations: string[] = [];
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    if (request.headers.authorization !== undefined) {
      authorizations.push(request.headers.authorization);
    }
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    requestCount: () => requests,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Starts a registry that accepts every username and password. */
export async function startGullibleRegistry(): Promise<FakeServer> {
  return startFakeServer((request, response) => {
    const status = request.headers.authorization === undefined ? 401 : 200;
    response
      .writeHead(status, {
        'www-authenticate': 'Basic realm="gullible"',
        'docker-distribution-api-version': 'registry/2.0',
      })
      .end('{}');
  });
}

/** Starts a web server that is no registry: it responds with a page and the status. */
export async function startWebSite(status: number): Promise<FakeServer> {
  return startFakeServer((_request, response) => {
    const page = `<html><head><title>${status}</title></head><body><center><h1>${status}</h1></center></body></html>`;
    response.writeHead(status, { server: 'nginx', 'content-type': 'text/html' }).end(page);
  });
}

/** Returns a host that refuses connections: a port that was just free. */
export async function unreachableHost(): Promise<string> {
  const server = await startFakeServer(() => undefined);
  await server.stop();
  return server.host;
}
