// Serves the REST API under /api/v2 and its browser under /api/docs: one request from its first header to the last byte of its response.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { authorize } from '../../core/authz/permissions.ts';
import type { Caller, Principal } from '../../core/authz/principal.ts';
import type { Registries } from '../../core/registries/registries.ts';
import { Problem } from '../../core/shared/problem.ts';
import { disconnected, sendJson } from '../http/response.ts';
import { createDocs } from './docs/docs.ts';
import { answerError, type ErrorContext, RestRequestError, type RestLog } from './errors.ts';
import { openApiDocument } from './openapi.ts';
import { parsePath, type RestPath } from './path.ts';
import { operations } from './registries.ts';

export interface RestServerOptions {
  readonly registries: Registries;
  /**
   * Who the `Authorization` headers speak for; undefined for none.
   * @throws Problem `UNAUTHENTICATED` when there is one and it is no good; `RATE_LIMITED` after too many of these.
   */
  readonly authenticate: (
    authorization: readonly string[] | undefined,
    request: IncomingMessage,
  ) => Promise<Principal | undefined>;
  readonly settings: {
    /** Where `writeDocsAssets` put its files. */
    readonly docs: { readonly assetsDir: string };
  };
  readonly now: () => Date;
  readonly log: RestLog;
}

export interface RestServer {
  /** Answers a request to `/api` or below it. Never rejects; every failure is an answer. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/** Headers of every answer: nothing is guessed, nothing is kept. */
const securityHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  Vary: 'Authorization, x-anchore-account',
};

/** Responses that require no authentication: clients probe the base path, and the document says nothing of what is stored. */
const publicAnswers: Readonly<Partial<Record<RestPath['resource'], unknown>>> = {
  version: 'v2',
  document: openApiDocument,
};

/** Builds the API. It listens nowhere itself: the caller owns the HTTP server, request ids and the request log. */
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
    throw new Problem('NOT_FOUND', 'There is nothing at this address. /api/docs shows what there is.');
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  if (path.resource === 'version' || path.resource === 'document') {
    requireMethod(['GET'], method);
    return sendJson(response, 200, publicAnswers[path.resource]);
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
  throw new RestRequestError('METHOD_NOT_ALLOWED', `This address serves ${allowed}.`, { Allow: allowed });
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
  const { body, headers } = answerError(error, context);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  sendJson(response, body.httpcode, body, headers);
  // The rest of a refused body is thrown away, so that the client gets to read this.
  request.resume();
}
