// Wires the servers to the use cases: GraphQL with GraphiQL, REST with its API browser, the console, and the pull endpoint.

import * as cliAccessOperations from '../../cli/api/access-operations.ts';
import * as cliOperations from '../../cli/api/operations.ts';
import * as consoleOperations from '../../console/api/operations.ts';
import { createOriginOf } from '../../server/http/proxies/origin.ts';
import type { OwnAddress } from './own-address.ts';
import type { Pulls } from '../../core/pulls/pull.ts';
import type { Registries } from '../../core/registries/registries.ts';
import { largeOperations } from '../../server/graphql/execution/large-operations.ts';
import {
  createTrustedDocuments,
  documentIdOf,
  ManifestError,
  parseManifest,
  type TrustedDocuments,
} from '../../server/graphql/execution/trusted-documents.ts';
import type { UseCases } from '../../server/graphql/schema/builder.ts';
import { schema } from '../../server/graphql/schema/schema.ts';
import { createGraphqlServer, type GraphqlServer } from '../../server/graphql/server.ts';
import { largeAnswers } from '../../server/http/large-answers.ts';
import type { Route } from '../../server/http/route.ts';
import { createPullServer } from '../../server/oci/server.ts';
import type { Log } from '../../server/ops/log.ts';
import type { Metrics } from '../../server/ops/metrics.ts';
import { createRestServer, type RestServer } from '../../server/rest/server.ts';
import type { Puller } from '../../upstream/pull/puller.ts';
import { type Config, ConfigError } from '../config.ts';
import { apiDocsDir, consoleDir, graphiqlDir } from '../paths.ts';
import { type ConsoleServer, createConsole } from './console.ts';
import type { Logins } from './logins.ts';
import type { Domain } from './use-cases.ts';

/** The routes of all servers. */
export interface Servers {
  readonly routes: readonly Route[];
  close(): Promise<void>;
}

interface ServerParts {
  readonly config: Config;
  readonly documents: TrustedDocuments;
  readonly logins: Logins;
  readonly domain: Domain;
  readonly own: OwnAddress;
  readonly metrics: Metrics;
  readonly log: Log;
}

interface PullingParts {
  readonly config: Config;
  readonly logins: Logins;
  readonly pulls: Pulls;
  readonly upstream: Puller;
  /** Signs the tokens that the token endpoint issues. */
  readonly grantKey: Uint8Array;
  readonly viaName: string;
  readonly own: OwnAddress;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Creates every server and returns its routes. */
export function createServers({ config, documents, logins, domain, own, metrics, log }: ServerParts): Servers {
  const site = createConsole(config, logins, consoleDir);
  const graphql = createGraphql({ config, documents, log }, site.authenticate, domain.useCases);
  const rest = createRest(logins, domain.useCases.registries, log);
  metrics.watchOpen(() => ({ ...domain.counts(), sessions: site.sessions() }));
  return {
    routes: [
      ...graphqlRoutes(graphql),
      ...site.routes,
      ...restRoutes(rest),
      ...pullRoutes({ ...domain, config, logins, own, metrics, log }),
    ],
    close: () => graphql.dispose(),
  };
}

function createGraphql(
  { config, documents, log }: Pick<ServerParts, 'config' | 'documents' | 'log'>,
  authenticate: ConsoleServer['authenticate'],
  useCases: UseCases,
): GraphqlServer {
  return createGraphqlServer({
    useCases,
    authenticate,
    settings: {
      introspection: config.introspection,
      corsOrigins: config.corsOrigins,
      documents,
      compiledExecution: config.compiledExecution,
      graphiql: { assetsDir: graphiqlDir },
    },
    now: () => new Date(),
    log: { error: (fields, message) => log.error(fields, message) },
  });
}

function graphqlRoutes(graphql: GraphqlServer): Route[] {
  return [
    {
      name: 'graphql',
      matches: (path) => path === '/graphql' || path.startsWith('/graphql/'),
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

/** Creates the route of the pull endpoint, `/v2`. */
function pullRoutes({ config, logins, pulls, upstream, grantKey, viaName, own, metrics, log }: PullingParts): Route[] {
  const now = (): Date => new Date();
  const server = createPullServer({
    pulls,
    upstream,
    grantKey,
    authenticate: logins.authenticator(['bearer', 'basic']),
    resolveLogin: logins.resolveLogin,
    now,
    settings: {
      originOf: createOriginOf(config),
      defaultUpstream: config.pullDefaultUpstream,
      viaName,
      isOwnHost: own.isOwnHost,
    },
    log: {
      error: (fields, message) => log.error(fields, message),
      warn: (fields, message) => log.warn(fields, message),
      info: (fields, message) => log.info(fields, message),
    },
    onGivenUp: () => {
      log.fatal('the hashing worker died 4 times within a minute, so the process exits');
      process.exit(1);
    },
  });
  metrics.observeFlows(() => ({
    ...server.usage(),
    ...upstream.usage(),
    answerBytes: largeAnswers.unsentBytes(),
    displacedAnswers: largeAnswers.displaced(),
    requests: largeOperations.counts(),
  }));
  const handle: Route['handle'] = (request, response, context) => server.handle(request, response, context);
  return [{ name: 'pull', matches: (path) => path === '/v2' || path.startsWith('/v2/'), handle }];
}

/** Returns the documents of the console, the command line, and the manifest. @throws ConfigError if the manifest is invalid. */
export function trustedDocuments({ trustedDocuments: manifest, onlyTrustedDocuments }: Config): TrustedDocuments {
  const own = [
    ...Object.values(consoleOperations).map(String),
    ...Object.values({ ...cliOperations, ...cliAccessOperations }).flatMap(documentOf),
  ];
  const listed = manifest === undefined ? [] : readManifest(manifest);
  return createTrustedDocuments(
    new Map([...own.map((text): [string, string] => [documentIdOf(text), text]), ...listed]),
    onlyTrustedDocuments,
  );
}

/** Returns the document of an exported operation, or nothing for an exported function. */
function documentOf(exported: { readonly document: string } | ((...values: never[]) => unknown)): string[] {
  return 'document' in exported ? [exported.document] : [];
}

function readManifest(manifest: string): ReadonlyMap<string, string> {
  try {
    return parseManifest(manifest, schema);
  } catch (error) {
    if (error instanceof ManifestError)
      throw new ConfigError([`REGWAY_TRUSTED_DOCUMENTS names a file that ${error.message}.`]);
    throw error;
  }
}
