// Serves the GraphQL endpoint: one request from its first header to the last byte of its response.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError, GraphQLSchema } from 'graphql';
import type { Caller, Principal } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import { retryAfterSeconds } from '../../core/shared/rate-limit.ts';
import { disconnected } from '../http/response.ts';
import { answerError, type GraphqlLog } from './errors.ts';
import { createExecutor } from './execution/executor.ts';
import type { TrustedDocuments } from './execution/trusted-documents.ts';
import { createGraphiql } from './graphiql/graphiql.ts';
import { readParameters } from './request.ts';
import { answerCors, sendError, setCommonHeaders } from './response.ts';
import { requestErrorSentences } from './safe-messages.ts';
import type { UseCases } from './schema/builder.ts';
import { schema } from './schema/schema.ts';

export interface GraphqlServerOptions {
  readonly useCases: UseCases;
  /**
   * Resolves the headers of a request to its principal; undefined without credentials.
   * @throws Problem `UNAUTHENTICATED` when there is an `Authorization` and it is no good, or two; `RATE_LIMITED` after too many of these.
   */
  readonly authenticate: (request: IncomingMessage) => Promise<Principal | undefined>;
  readonly settings: {
    /** Show the schema to callers without a login too. Logged in, they always see it. */
    readonly introspection: boolean;
    /** Origins whose pages may read answers; none by default. */
    readonly corsOrigins: readonly string[];
    readonly documents: TrustedDocuments;
    /** Whether queries that come again and again are compiled to JavaScript. The responses are the same. */
    readonly compiledExecution: boolean;
    /** Where `writeGraphiqlAssets` put its files. */
    readonly graphiql: { readonly assetsDir: string };
  };
  readonly now: () => Date;
  readonly log: GraphqlLog;
  /** Told of every answer: the operation's type (`none` when refused before), and the code of its first error or `OK`. */
  readonly observe?: ((operation: string, code: string) => void) | undefined;
}

export interface GraphqlServer {
  /**
   * Answers a request to `/graphql` or below it. Never rejects; every failure is an answer.
   */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
  readonly schema: GraphQLSchema;
  dispose(): Promise<void>;
}

/** Builds the endpoint. It listens nowhere itself: the caller owns the HTTP server, request ids and the request log. */
export function createGraphqlServer(options: GraphqlServerOptions): GraphqlServer {
  const { useCases, settings, log } = options;
  const sentence = requestErrorSentences(schema);
  const translate = (error: unknown, requestId: string) => answerError(error, { requestId, log, sentence });
  const observe = (operation: string, errors: readonly GraphQLError[]) =>
    options.observe?.(operation, firstCode(errors));
  const executor = createExecutor({ schema, compiled: settings.compiledExecution, translate, observe });
  const graphiql = createGraphiql(settings.documents.only ? undefined : settings.graphiql.assetsDir);

  const answer = async (request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> => {
    const page = graphiql.answer(request, response);
    if (page !== undefined) return page;
    if (answerCors(request, response, settings.corsOrigins)) return;
    const principal = await authenticate(options, request, response);
    const parameters = await readParameters(request, settings.documents);
    const caller = createCaller(principal, requestId, response);
    const mayIntrospect = !settings.documents.only && (settings.introspection || principal !== undefined);
    await executor.run(request, response, {
      ...useCases,
      caller,
      parameters,
      mayIntrospect,
      operationType: 'none',
    });
  };

  const handle: GraphqlServer['handle'] = (request, response, { requestId }) => {
    setCommonHeaders(response);
    return answer(request, response, requestId).catch((error: unknown) => {
      if (response.destroyed) return;
      const shown = translate(error, requestId);
      observe('none', [shown]);
      if (response.headersSent) return void response.destroy();
      sendError(request, response, shown);
    });
  };
  return { handle, schema, dispose: () => executor.dispose() };
}

/** @throws Problem for a refused token, with the header of a 401 (RFC 6750 §3) or a 429 already set. */
function authenticate(
  options: GraphqlServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Principal | undefined> {
  return options.authenticate(request).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'UNAUTHENTICATED') response.setHeader('WWW-Authenticate', 'Bearer');
    if (error instanceof Problem && error.retryAfter !== undefined)
      response.setHeader('Retry-After', retryAfterSeconds(error.retryAfter, options.now().getTime()));
    throw error;
  });
}

function createCaller(principal: Principal | undefined, requestId: string, response: ServerResponse): Caller {
  let signal: AbortSignal | undefined;
  return { principal, requestId, signal: () => (signal ??= disconnected(response)) };
}

function firstCode([error]: readonly GraphQLError[]): string {
  return error === undefined ? 'OK' : String(error.extensions['code']);
}
