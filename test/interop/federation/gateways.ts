// Starts two gateways as the README describes: they forward the caller's Authorization header to the subgraphs.

import { createServer } from 'node:http';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { closeServer, listen } from './loopback.ts';

export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

export type StartGateway = (supergraphSdl: string) => Promise<Gateway>;

export const gateways: Readonly<Record<'Hive Gateway' | 'Apollo Gateway', StartGateway>> = {
  'Hive Gateway': async (supergraph) => {
    const runtime = createGatewayRuntime({
      supergraph,
      logging: false,
      // It would open subscriptions with GET, and ours are served to POST.
      transportEntries: { regway: { options: { method: 'POST' } } },
      propagateHeaders: {
        fromClientToSubgraphs: ({ request }) => ({ authorization: request.headers.get('authorization') }),
      },
    });
    const server = createServer((request, response) => void runtime(request, response));
    return {
      url: `${await listen(server)}/graphql`,
      async close() {
        await closeServer(server);
        await runtime[Symbol.asyncDispose]();
      },
    };
  },
  'Apollo Gateway': async (supergraphSdl) => {
    const gateway = new ApolloGateway({
      supergraphSdl,
      buildService: ({ url }) => new WithAuthorization({ url: url ?? '' }),
      logger: silent,
    });
    const server = new ApolloServer({
      gateway,
      logger: silent,
      // A response that is not GraphQL, with the address of its subgraph, belongs in the gateway's own log.
      formatError: ({
        extensions: { response: _response, stacktrace: _stacktrace, ...extensions } = {},
        ...error
      }) => ({ ...error, extensions }),
    });
    const { url } = await startStandaloneServer(server, {
      listen: { port: 0, host: '127.0.0.1' },
      context: async ({ req }) => ({ authorization: req.headers.authorization }),
    });
    return { url, close: () => server.stop() };
  },
};

interface CallerContext {
  readonly authorization?: string | undefined;
}

class WithAuthorization extends RemoteGraphQLDataSource<CallerContext> {
  override willSendRequest({
    request,
    context: { authorization },
  }: Parameters<NonNullable<RemoteGraphQLDataSource<CallerContext>['willSendRequest']>>[0]): void {
    if (authorization !== undefined) request.http?.headers.set('authorization', authorization);
  }
}

function ignore(): void {
  // Tests check only responses.
}

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
