// Serves the pull endpoint under /v2: many registries as one, each with its stored credential, which no client sees.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull

import type { IncomingMessage, ServerResponse } from 'node:http';
import { faultFields } from '../../core/shared/fault.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Pulls } from '../../core/pulls/pull.ts';
import { disconnected, sendJson } from '../http/response.ts';
import { OciError, toOciError, sendOciError } from './errors.ts';
import { createGrants } from './grant.ts';
import { createHashThread } from './content/hash-thread.ts';
import { baseUrlOf, challengeOf, authenticatePull, type LoginPorts } from './login.ts';
import { answerPull, methodNotAllowed, ScopeMissing, type ProxyPorts, type PullUpstream } from './proxy.ts';
import { parsePullUrl, type PullRoute } from './routes.ts';
import { answerTokenRequest } from './token-endpoint.ts';
import { DigestMismatch } from './content/digest.ts';

export interface PullServerOptions extends Omit<LoginPorts, 'grants'> {
  readonly pulls: Pulls;
  readonly upstream: PullUpstream;
  /** 32 bytes that sign grants; the same on every replica. */
  readonly grantKey: Uint8Array;
  readonly now: () => Date;
  readonly settings: {
    /** Where clients reach this server; undefined takes the Host header of each request. */
    readonly publicUrl: string | undefined;
    /** Host that names without one belong to, for Docker's `registry-mirrors`; undefined refuses them. */
    readonly defaultUpstream: string | undefined;
  };
  readonly log: PullLog;
  /** Ends the process: the hashing worker died again after 3 restarts within a minute. */
  readonly onGivenUp: () => void;
}

/** Where internal errors, and content that does not match its digest, are logged. */
export interface PullLog {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface PullServer {
  /** Answers a request to `/v2` or below it. Never rejects; every failure is an answer or a broken connection. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/** A blob may be a web page: nothing in it runs in this server's name, and no cache between keeps what needed a login. */
const securityHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Cache-Control': 'no-store',
  Vary: 'Authorization',
};

/** Builds the endpoint. It listens nowhere itself: the caller owns the HTTP server, request ids and the request log. */
export function createPullServer(options: PullServerOptions): PullServer {
  const grants = createGrants(options.grantKey, options.now);
  const onFault = (error: unknown, requestId: string) =>
    options.log.error({ requestId, ...faultFields(error) }, 'A pull failed unexpectedly');
  const tools: Deps = {
    ...options,
    grants,
    onFault,
    hashThread: createHashThread({
      onDeath: (fault) =>
        options.log.error(faultFields(fault), 'the hashing worker died; the pulls whose content it hashed fail'),
      onGivenUp: options.onGivenUp,
    }),
    defaultUpstream: options.settings.defaultUpstream,
  };
  return {
    async handle(request, response, { requestId }) {
      for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
      const seen: { route?: PullRoute; baseUrl?: string } = {};
      try {
        seen.baseUrl = baseUrlOf(request, options.settings.publicUrl);
        seen.route = parsePullUrl(request.url ?? '/', tools.defaultUpstream);
        await answer(tools, request, response, seen.route, requestId);
      } catch (error) {
        answerFailure(tools, request, response, { ...seen, error, requestId });
      }
    },
  };
}

interface Deps extends PullServerOptions, LoginPorts, ProxyPorts {
  readonly pulls: Pulls;
  readonly defaultUpstream: string | undefined;
}

async function answer(
  tools: Deps,
  request: IncomingMessage,
  response: ServerResponse,
  route: PullRoute,
  requestId: string,
): Promise<void> {
  if (route.kind === 'token') return answerTokenRequest(tools, request, response);
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  const visitor = await authenticatePull(tools, request);
  if (visitor === undefined)
    throw new Problem(
      'UNAUTHENTICATED',
      'Log in with an API token of this server as the password, under any user name.',
    );
  if (route.kind === 'base') return sendJson(response, 200, {}, { 'Docker-Distribution-Api-Version': 'registry/2.0' });
  const signal = disconnected(response);
  const caller = { principal: visitor.principal, requestId, signal: () => signal };
  await answerPull(tools, { request, response, caller, visitor, route });
}

interface Failure {
  readonly error: unknown;
  /** As far as they could be read. */
  readonly route?: PullRoute;
  readonly baseUrl?: string;
  readonly requestId: string;
}

function answerFailure(tools: Deps, request: IncomingMessage, response: ServerResponse, failure: Failure): void {
  const { error, requestId } = failure;
  if (error instanceof DigestMismatch)
    tools.log.warn({ requestId }, 'an upstream sent content that does not have its digest; the pull was broken off');
  // Either the client left, or it is told by a connection that breaks: the answer has begun.
  if (response.destroyed || response.headersSent) {
    response.destroy();
    return;
  }
  const refusal =
    error instanceof ScopeMissing
      ? scopeMissing()
      : (toOciError(error, tools.now().getTime()) ?? internalError(tools, error, requestId));
  if (refusal.status === 401) response.setHeader('WWW-Authenticate', challengeTo(request, failure));
  sendOciError(request, response, refusal);
}

/** A 401 names where and how to log in. RFC 9110 §11.6.1. */
function challengeTo({ headers }: IncomingMessage, { route, baseUrl = '', error }: Failure): string {
  if (route?.kind === 'token') return 'Basic realm="Regway API token"';
  const content = route === undefined || route.kind === 'base' ? undefined : route;
  const rejected = headers.authorization === undefined ? undefined : 'invalid_token';
  return challengeOf({
    baseUrl,
    route: content,
    error: error instanceof ScopeMissing ? 'insufficient_scope' : rejected,
  });
}

function scopeMissing(): OciError {
  return new OciError(
    401,
    'UNAUTHORIZED',
    'This grant is for another repository. Fetch one for this from the token endpoint.',
  );
}

function internalError({ onFault }: Deps, error: unknown, requestId: string): OciError {
  onFault(error, requestId);
  return new OciError(
    500,
    'UNKNOWN',
    `Something went wrong on our side. The log has it under the request id ${requestId}.`,
  );
}
