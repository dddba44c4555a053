// The faces over the use cases: GraphQL with GraphiQL, REST with its browser, the console, and the pull endpoint.

import type { Config } from '../config.ts';
import type { Registries } from '../../core/registries/registries.ts';
import type { UseCases } from '../../server/graphql/schema/builder.ts';
import { createGraphqlServer, type GraphqlServer } from '../../server/graphql/server.ts';
import type { TrustedDocuments } from '../../server/graphql/execution/trusted-documents.ts';
import type { Route } from '../../server/http/listener.ts';
import type { Log } from '../../server/ops/log.ts';
import { apiDocsDir, consoleDir, graphiqlDir } from '../../places.ts';
import { createRestServer, type RestServer } from '../../server/rest/server.ts';
import { createConsole, type ConsoleServer } from './console.ts';
import type { Domain } from './use-cases.ts';
import type { Logins } from './logins.ts';
import { pullRoutes } from './pull.ts';

export interface Faces {
  readonly routes: readonly Route[];
  close(): Promise<void>;
}

interface FaceParts {
  readonly config: Config;
  readonly documents: TrustedDocuments;
  readonly logins: Logins;
  readonly domain: Domain;
  readonly log: Log;
}

/** Builds every face. */
export function createFaces({ config, documents, logins, domain, log }: FaceParts): Faces {
  const site = createConsole(config, logins, consoleDir);
  const graphql = createGraphql({ config, documents, log }, site.authenticate, domain.useCases);
  const rest = createRest(logins, domain.useCases.registries, log);
  return {
    routes: [...graphqlRoutes(graphql), ...site.routes, ...restRoutes(rest), ...pullRoutes({ ...domain, config, logins, log })],
    close: () => graphql.dispose(),
  };
}

function createGraphql({ config, documents, log }: Pick<FaceParts, 'config' | 'documents' | 'log'>, authenticate: ConsoleServer['authenticate'], useCases: UseCases): GraphqlServer {
  return createGraphqlServer({
    useCases,
    authenticate,
    settings: { introspection: config.introspection, corsOrigins: config.corsOrigins, documents, graphiql: { assetsDir: graphiqlDir } },
    now: () => new Date(),
    log: { error: (fields, message) => log.error(fields, message) },
  });
}

function graphqlRoutes(graphql: GraphqlServer): Route[] {
  return [
    {
      name: 'graphql',
      matches: (path) => path === '/graphql' || path.startsWith('/graphql/'),
      writesHeaders: true,
      handle: (request, response, context) => graphql.handle(request, response, context),
    },
  ];
}

function createRest(logins: Logins, registries: Registries, log: Log): RestServer {
  return createRestServer({
    registries,
    authenticate: logins.authenticator(['bearer', 'basic']),
    settings: { docs: { assetsDir: apiDocsDir } },
    now: () => new Date(),
    log: { error: (fields, message) => log.error(fields, message) },
  });
}

function restRoutes(rest: RestServer): Route[] {
  const handle: Route['handle'] = (request, response, context) => rest.handle(request, response, context);
  return [
    { name: 'api-docs', matches: (path) => path === '/api/docs' || path.startsWith('/api/docs/'), handle },
    { name: 'rest', matches: (path) => path === '/api' || path.startsWith('/api/'), handle },
  ];
}
