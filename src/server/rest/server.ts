// Serves the REST API under /api/v2 and its API browser under /api/docs.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { authorize } from '../../core/authz/permissions.ts';
import type { Caller, Principal } from '../../core/authz/principal.ts';
import type { Registries } from '../../core/registries/registries.ts';
import { Problem } from '../../core/shared/problem.ts';
import { disconnected, sendJson } from '../http/response.ts';
import { createDocs } from './docs/docs.ts';
import { toErrorResponse, type ErrorContext, RestRequestError, type RestLog } from './errors.ts';
import { openApiDocument } from './openapi.ts';
import { parsePath, type RestPath } from './path.ts';
import { operations } from './registries.ts';

/** The ports and settings of the REST API. */
export interface RestServerOptions {
  readonly registries: Registries;
  /**
   * Resolves the `Authorization` headers to their principal, or undefined without one.
   * @throws Problem `UNAUTHENTICATED` if a header does not authenticate; `RATE_LIMITED` after too many of these.
   */
  readonly authenticate: (
    authorization: readonly string[] | undefined,
    request: IncomingMessage,
  ) => Promise<Principal | undefined>;
  readonly settings: {
    /** The directory of the files that `writeDocsAssets` wrote. */
    readonly docs: { readonly assetsDir: string };
  };
  readonly now: () => Date;
  readonly log: RestLog;
}

/** The REST API. */
export interface RestServer {
  /** Answers a request to `/api` or below it. Never rejects: every failure is a response or a broken connection. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/** Headers of every response: no media type is guessed, and no cache stores it. */
const securityHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  Vary: 'Authorization, x-anchore-account',
};

/** Responses that require no authentication: clients probe the base path, and the document contains nothing that is stored. */
const publicResponses: Readonly<Partial<Record<RestPath['resource'], unknown>>> = {
  version: 'v2',
  document: openApiDocument,
};

/** Creates the API. It does not listen: the caller owns the HTTP server, the request IDs, and the request log. */
export function createRestServer(options: RestServerOptions): RestServer {
  const docs = createDocs(options.settings.docs.assetsDir);
  return {
    async handle(request, response, { requestId }) {
      for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
      try {
        await (docs.answer(request, response) ?? answer(options, request, response, requestId));
      } catch (error) {
        answerFailure(error, request, response, { requestId, log: options.log, now: options.now });
      }
    },
  };
}

async function answer(
  options: RestServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const path = parsePath(request.url ?? '/');
  if (path === undefined)
    throw new Problem('NOT_FOUND', 'This path does not exist. See /api/docs for the paths of the API.');
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  if (path.resource === 'version' || path.resource === 'document') {
    requireMethod(['GET'], method);
    return sendJson(response, 200, publicResponses[path.resource]);
  }
  const methods = operations[path.resource];
  requireMethod(Object.keys(methods), method);
  const principal = await options.authenticate(request.headersDistinct.authorization, request);
  const signal = disconnected(response);
  const caller: Caller = { principal, requestId, signal: () => signal };
  const operation = methods[method];
  if (operation === undefined) throw new Error(`No operation for ${method}.`);
  authorize(caller, operation.permission);
  await operation.run({ registries: options.registries, caller, path, request, response });
}

function requireMethod(methods: readonly string[], method: string): void {
  if (methods.includes(method)) return;
  const allowed = methods.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).join(', ');
  throw new RestRequestError('METHOD_NOT_ALLOWED', `This path supports ${allowed}.`, { Allow: allowed });
}

function answerFailure(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  context: ErrorContext,
): void {
  const clientLeft =
    (response.destroyed && !response.headersSent) ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE');
  if (clientLeft) return;
  const { body, headers } = toErrorResponse(error, context);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  sendJson(response, body.httpcode, body, headers);
  // A client that is still sending reads the response only if its body is consumed.
  request.resume();
}
