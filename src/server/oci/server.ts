// Serves the pull endpoint under /v2: many registries as one, each with its stored credential, which no client receives.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull

import type { IncomingMessage, ServerResponse } from 'node:http';
import { faultFields } from '../../core/shared/fault.ts';
import type { SlotCounts } from '../../core/shared/fair-slots.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Pulls } from '../../core/pulls/pull.ts';
import { disconnected, sendJson } from '../http/response.ts';
import { createTurns, type Turns } from '../http/turns.ts';
import { OciError, toOciError, sendOciError } from './errors.ts';
import { createGrants } from './grant.ts';
import { createDecodingSlots } from './content/decoding-slots.ts';
import { createHashThread } from './content/hash-thread.ts';
import { type LoopSettings, rejectLoop } from './loop.ts';
import { baseUrlOf, challengeOf, authenticatePull, type LoginPorts, type OriginOf } from './login.ts';
import { answerPull, methodNotAllowed, ScopeMissing, type ProxyPorts, type PullUpstream } from './proxy.ts';
import { parsePullUrl, type PullRoute } from './routes.ts';
import { answerTokenRequest } from './token-endpoint.ts';
import { DigestMismatch } from './content/digest.ts';
import { ClientStalled, ContentBrokenOff } from './content/stream-body.ts';
import { logRefusal, pullFields } from './refusal-log.ts';

/** The ports and settings of the pull endpoint. */
export interface PullServerOptions extends Omit<LoginPorts, 'grants'> {
  readonly pulls: Pulls;
  readonly upstream: PullUpstream;
  /** The 32 bytes that sign grants; the same on every replica. */
  readonly grantKey: Uint8Array;
  readonly now: () => Date;
  readonly settings: {
    /** Determines the origin at which a client reaches Regway. */
    readonly originOf: OriginOf;
    /** The host of names without one, for Docker's `registry-mirrors`; if undefined, such names are rejected. */
    readonly defaultUpstream: string | undefined;
  } & LoopSettings;
  readonly log: PullLog;
  /** Called when the hashing worker dies after 3 restarts within a minute; ends the process. */
  readonly onGivenUp: () => void;
}

/** The log of internal errors and of content that does not match its digest. */
export interface PullLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The pull endpoint. */
export interface PullServer {
  /** Answers a request to `/v2` or below it. Never rejects: every failure is a response or a broken connection. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
  /** Returns what pulls hold at the moment: bytes of content in transit, and decodings. */
  usage(): { readonly contentBytes: number; readonly decodings: SlotCounts };
}

/** A blob can be a web page: these keep it from running with Regway's origin, and keep shared caches from storing what required a login. */
const securityHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Cache-Control': 'no-store',
  Vary: 'Authorization',
};

const unexpected = 'A pull failed unexpectedly';

/** Creates the endpoint. It does not listen: the caller owns the HTTP server, the request IDs, and the request log. */
export function createPullServer(options: PullServerOptions): PullServer {
  const grants = createGrants(options.grantKey, options.now);
  const onFault = (error: unknown, requestId: string) =>
    options.log.error({ requestId, ...faultFields(error) }, unexpected);
  const deps: Deps = {
    ...options,
    grants,
    onFault,
    hashThread: createHashThread({
      onDeath: (error) =>
        options.log.error(faultFields(error), 'the hashing worker died; the pulls whose content it hashed fail'),
      onGivenUp: options.onGivenUp,
    }),
    decodings: createDecodingSlots(),
    meter: { bytes: 0 },
    beginnings: { blobs: createTurns(), others: createTurns() },
    defaultUpstream: options.settings.defaultUpstream,
  };
  return {
    usage: () => ({ contentBytes: deps.meter.bytes, decodings: deps.decodings.counts() }),
    async handle(request, response, { requestId }) {
      for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
      const progress: Progress = { requestId };
      try {
        progress.baseUrl = baseUrlOf(request, options.settings.originOf);
        if (isWrite(request)) throw methodNotAllowed();
        progress.route = parsePullUrl(request.url ?? '/', deps.defaultUpstream);
        await answer(deps, request, response, progress.route, progress);
      } catch (error) {
        answerFailure(deps, request, response, { ...progress, error });
      }
    },
  };
}

/** The known facts of a request, for its log line. */
interface Progress {
  readonly requestId: string;
  route?: PullRoute;
  baseUrl?: string;
  /** The subject of the client, once it is authenticated. */
  subject?: string;
}

/** Whether a request is to change content. Before its path is parsed, because uploads have paths of their own. */
function isWrite({ method, url = '' }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD' && url.split('?')[0] !== '/v2/token';
}

interface Deps extends PullServerOptions, LoginPorts, ProxyPorts {
  readonly pulls: Pulls;
  readonly defaultUpstream: string | undefined;
  /** Where pulls wait for their turn to begin: manifests do not wait for blobs. */
  readonly beginnings: Readonly<Record<'blobs' | 'others', Turns>>;
}

async function answer(
  deps: Deps,
  request: IncomingMessage,
  response: ServerResponse,
  route: PullRoute,
  progress: Progress,
): Promise<void> {
  if (route.kind === 'token') return answerTokenRequest(deps, request, response);
  // Many pulls can arrive at once. If all of them began in one turn of the event loop, every other request would wait for all of them.
  if (route.kind !== 'base') await deps.beginnings[route.kind === 'blobs' ? 'blobs' : 'others'].later(undefined);
  const client = await authenticatePull(deps, request);
  if (client === undefined)
    throw new Problem(
      'UNAUTHENTICATED',
      'Authentication required. Log in with a Regway API token as the password, and any username.',
    );
  progress.subject = client.principal.subject;
  if (route.kind === 'base') return sendJson(response, 200, {}, { 'Docker-Distribution-Api-Version': 'registry/2.0' });
  rejectLoop(request, route.host, baseUrlOf(request, deps.settings.originOf), deps.settings);
  const signal = disconnected(response);
  const caller = { principal: client.principal, requestId: progress.requestId, signal: () => signal };
  await answerPull(deps, { request, response, caller, client, route });
}

/** A failed request; `route` is undefined if it failed before its path was parsed. */
interface Failure extends Readonly<Progress> {
  readonly error: unknown;
}

function answerFailure(deps: Deps, request: IncomingMessage, response: ServerResponse, failure: Failure): void {
  const { error } = failure;
  const isBroken = [DigestMismatch, ContentBrokenOff, ClientStalled].some((kind) => error instanceof kind);
  // The client has disconnected, or the response has begun: then only a broken connection can report the failure.
  if (response.destroyed || response.headersSent) {
    if (isBroken) logRefusal(deps.log, request, failure, undefined);
    response.destroy();
    return;
  }
  const ociError = error instanceof ScopeMissing ? scopeMissing() : toOciError(error, deps.now().getTime());
  if (ociError === undefined) deps.log.error({ ...pullFields(failure), ...faultFields(error) }, unexpected);
  else logRefusal(deps.log, request, failure, ociError);
  const sent = ociError ?? internalError(failure.requestId);
  if (sent.status === 401) response.setHeader('WWW-Authenticate', challengeTo(request, failure));
  sendOciError(request, response, sent);
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

function internalError(requestId: string): OciError {
  return new OciError(
    500,
    'UNKNOWN',
    `Internal error. The server log has the details under the request ID ${requestId}.`,
  );
}
