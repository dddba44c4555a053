// Serves the pull endpoint under /v2: many registries as one, each with its stored credential, which no client receives.
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

/** The ports and settings of the pull endpoint. */
export interface PullServerOptions extends Omit<LoginPorts, 'grants'> {
  readonly pulls: Pulls;
  readonly upstream: PullUpstream;
  /** The 32 bytes that sign grants; the same on every replica. */
  readonly grantKey: Uint8Array;
  readonly now: () => Date;
  readonly settings: {
    /** The origin at which clients reach Regway; if undefined, the Host header of each request is used. */
    readonly publicUrl: string | undefined;
    /** The host of names without one, for Docker's `registry-mirrors`; if undefined, such names are rejected. */
    readonly defaultUpstream: string | undefined;
  };
  readonly log: PullLog;
  /** Called when the hashing worker dies after 3 restarts within a minute; ends the process. */
  readonly onGivenUp: () => void;
}

/** The log of internal errors and of content that does not match its digest. */
export interface PullLog {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The pull endpoint. */
export interface PullServer {
  /** Answers a request to `/v2` or below it. Never rejects: every failure is a response or a broken connection. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/** A blob can be a web page: these keep it from running with Regway's origin, and keep shared caches from storing what required a login. */
const securityHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Cache-Control': 'no-store',
  Vary: 'Authorization',
};

/** Creates the endpoint. It does not listen: the caller owns the HTTP server, the request IDs, and the request log. */
export function createPullServer(options: PullServerOptions): PullServer {
  const grants = createGrants(options.grantKey, options.now);
  const onFault = (error: unknown, requestId: string) =>
    options.log.error({ requestId, ...faultFields(error) }, 'A pull failed unexpectedly');
  const deps: Deps = {
    ...options,
    grants,
    onFault,
    hashThread: createHashThread({
      onDeath: (error) =>
        options.log.error(faultFields(error), 'the hashing worker died; the pulls whose content it hashed fail'),
      onGivenUp: options.onGivenUp,
    }),
    defaultUpstream: options.settings.defaultUpstream,
  };
  return {
    async handle(request, response, { requestId }) {
      for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
      const parsed: { route?: PullRoute; baseUrl?: string } = {};
      try {
        parsed.baseUrl = baseUrlOf(request, options.settings.publicUrl);
        parsed.route = parsePullUrl(request.url ?? '/', deps.defaultUpstream);
        await answer(deps, request, response, parsed.route, requestId);
      } catch (error) {
        answerFailure(deps, request, response, { ...parsed, error, requestId });
      }
    },
  };
}

interface Deps extends PullServerOptions, LoginPorts, ProxyPorts {
  readonly pulls: Pulls;
  readonly defaultUpstream: string | undefined;
}

async function answer(
  deps: Deps,
  request: IncomingMessage,
  response: ServerResponse,
  route: PullRoute,
  requestId: string,
): Promise<void> {
  if (route.kind === 'token') return answerTokenRequest(deps, request, response);
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  const client = await authenticatePull(deps, request);
  if (client === undefined)
    throw new Problem(
      'UNAUTHENTICATED',
      'Authentication required. Log in with a Regway API token as the password, and any username.',
    );
  if (route.kind === 'base') return sendJson(response, 200, {}, { 'Docker-Distribution-Api-Version': 'registry/2.0' });
  const signal = disconnected(response);
  const caller = { principal: client.principal, requestId, signal: () => signal };
  await answerPull(deps, { request, response, caller, client, route });
}

interface Failure {
  readonly error: unknown;
  /** Undefined if the request failed before it was parsed. */
  readonly route?: PullRoute;
  readonly baseUrl?: string;
  readonly requestId: string;
}

function answerFailure(deps: Deps, request: IncomingMessage, response: ServerResponse, failure: Failure): void {
  const { error, requestId } = failure;
  if (error instanceof DigestMismatch)
    deps.log.warn(
      { requestId },
      'an upstream registry sent content that does not have its digest; the pull was aborted',
    );
  // The client has disconnected, or the response has begun: then only a broken connection can report the failure.
  if (response.destroyed || response.headersSent) {
    response.destroy();
    return;
  }
  const ociError =
    error instanceof ScopeMissing
      ? scopeMissing()
      : (toOciError(error, deps.now().getTime()) ?? internalError(deps, error, requestId));
  if (ociError.status === 401) response.setHeader('WWW-Authenticate', challengeTo(request, failure));
  sendOciError(request, response, ociError);
}

/** Returns the value of WWW-Authenticate, which every 401 must have (RFC 9110 §11.6.1). */
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
    'The grant is for another repository. Fetch one for this repository from the token endpoint.',
  );
}

function internalError({ onFault }: Deps, error: unknown, requestId: string): OciError {
  onFault(error, requestId);
  return new OciError(
    500,
    'UNKNOWN',
    `Internal error. The server log has the details under the request ID ${requestId}.`,
  );
}
