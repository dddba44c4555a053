// The limit to compare with: node:http and the same prepared statements, and nothing else. No login, no GraphQL, no log.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openWork, type CreateInput } from './work.ts';

const work = await openWork(process.env['REGWAY_DATA_DIR'] ?? '');

interface Variables {
  readonly registry: string;
  readonly after: string;
  readonly reference: string;
  readonly input: CreateInput;
}

/** By the name of the operation in the request: the fields that the documents in operations.ts select. */
const answers: Readonly<Record<string, (variables: Variables) => object>> = {
  Get: ({ registry }) => ({ registry: work.get(registry) }),
  Page: ({ after }) => ({ registries: work.page(after) }),
  Create({ input }) {
    const { registry, ...others } = work.create(input);
    return { createRegistry: { registry: { id: registry.id, registry: registry.registry }, ...others } };
  },
  Image: ({ reference }) => ({ image: work.image(reference) }),
};

/** By events: iterating over the request costs more than the statement. */
function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.once('end', () => resolve(text)).once('error', reject);
  });
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  work.close();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { operationName, variables } = JSON.parse(await readText(request)) as {
      operationName: string;
      variables: Variables;
    };
    const body = JSON.stringify({ data: answers[operationName]?.(variables) });
    response
      .writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(body) })
      .end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}
