// Answers one pull: finds the credential, requests the content upstream, and streams it, verified, at the pace of the client.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Caller } from '../../core/authz/principal.ts';
import { retryWithCurrentCredential, type Pulls, type PullSource } from '../../core/pulls/pull.ts';
import { type ValidationOutcome, validationOutcomes } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import { sendJson } from '../http/response.ts';
import { createDecodedCheck, createDigestCheck } from './content/digest.ts';
import type { HashThread } from './content/hash-thread.ts';
import { digestOf, headersForClient, headersForUpstream } from './content/headers.ts';
import { type Content, streamBody } from './content/stream-body.ts';
import { type OciCode, OciError } from './errors.ts';
import type { PullClient } from './login.ts';
import type { ContentKind, ContentRoute } from './routes.ts';

/** The port to an upstream registry. */
export interface PullUpstream {
  /** @throws Problem `UPSTREAM_FAILED` with its reason; as `PullSource.credential`; the signal's reason. */
  open(source: PullSource, request: UpstreamRequest): Promise<UpstreamReply>;
}

interface UpstreamRequest {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface UpstreamReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly url: URL;
  readonly body: Content | undefined;
  readonly errorCode: string | null;
  readonly location: string | undefined;
}

export interface ProxyPorts {
  readonly pulls: Pick<Pulls, 'resolve' | 'recordUse'>;
  readonly upstream: PullUpstream;
  readonly hashThread: HashThread;
  /** Told of a use that could not be recorded. */
  readonly onFault: (fault: unknown, requestId: string) => void;
}

export interface Pull {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller & { readonly signal: () => AbortSignal };
  readonly visitor: PullClient;
  readonly route: ContentRoute;
}

/** A grant that is good but for another repository: the client is to fetch one for this. */
export class ScopeMissing extends Error {
  override readonly name = 'ScopeMissing';
}

/** A client that takes nothing for this long has gone; its upstream connection is wanted by others. */
const clientIdleTimeoutMs = 90_000;

/** Answers the pull. @throws Problem, OciError, ScopeMissing before the answer has begun; DigestMismatch, ClientLeft and stream errors later. */
export async function answerPull(ports: ProxyPorts, pull: Pull): Promise<void> {
  const { response, route } = pull;
  const reply = await retryWithCurrentCredential(
    () => findSource(ports, pull),
    (source) => ask(ports, pull, source),
  );
  response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
  if (route.namespace !== undefined) response.setHeader('OCI-Namespace', route.host);
  if (reply.location !== undefined)
    response.writeHead(reply.status, { Location: reply.location, 'Content-Length': 0 }).end();
  else if (reply.status >= 400) sendUpstreamError(response, reply, route);
  else await sendContent(ports.hashThread, pull, reply);
}

async function findSource({ pulls }: ProxyPorts, { caller, route, visitor }: Pull): Promise<PullSource> {
  // First, so that who may not pull at all is told so instead of being sent for another grant.
  const source = await pulls.resolve(caller, route);
  if (visitor.granted?.includes(`${route.host}/${route.repository}`) === false) throw new ScopeMissing();
  return source;
}

async function ask(ports: ProxyPorts, { request, caller, route }: Pull, source: PullSource): Promise<UpstreamReply> {
  const note = (outcome: 'DONE' | ValidationOutcome) =>
    ports.pulls.recordUse(caller, source, outcome).catch((fault: unknown) => {
      ports.onFault(fault, caller.requestId);
    });
  try {
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    const reply = await ports.upstream.open(source, {
      method,
      path: pathOf(route),
      headers: headersForUpstream(request),
      signal: caller.signal(),
    });
    void note('DONE');
    return reply;
  } catch (error) {
    const reason = error instanceof Problem && error.code === 'UPSTREAM_FAILED' ? error.reason : undefined;
    const outcome = validationOutcomes.find((known) => known === reason);
    // Waited for: the next pull is to see the open circuit.
    if (outcome !== undefined) await note(outcome);
    throw error;
  }
}

function pathOf({ kind, reference, query }: ContentRoute): string {
  if (kind === 'manifests' || kind === 'blobs') return `${kind}/${reference}`;
  const path = kind === 'tags' ? 'tags/list' : `referrers/${reference}`;
  return query.size === 0 ? path : `${path}?${query}`;
}

const unknownCodes: Readonly<Record<ContentKind, OciCode>> = {
  manifests: 'MANIFEST_UNKNOWN',
  blobs: 'BLOB_UNKNOWN',
  tags: 'NAME_UNKNOWN',
  referrers: 'MANIFEST_UNKNOWN',
};

/** In words of ours, always: a registry's may hold what it was sent. Clients go by status and code, as with referrers that it does not know. */
function sendUpstreamError(
  response: ServerResponse,
  { status, errorCode }: UpstreamReply,
  { kind, host }: ContentRoute,
): void {
  // A registry's UNAUTHORIZED makes Docker ask for a password, though it is ours that let the client in.
  const known = errorCode === 'UNAUTHORIZED' || errorCode === 'DENIED' ? null : errorCode;
  const code = known ?? (status === 404 ? unknownCodes[kind] : 'UNSUPPORTED');
  sendJson(response, status, { errors: [{ code, message: `${host} answered HTTP ${status}.` }] });
}

async function sendContent(
  hashThread: HashThread,
  { response, route }: Pull,
  { body, status, headers, url }: UpstreamReply,
): Promise<void> {
  const head = headersForClient(headers, route, url);
  if (body === undefined) {
    response.writeHead(status, head).end();
    return;
  }
  response.setTimeout(clientIdleTimeoutMs, () => response.destroy());
  // A part has no digest to be held to.
  const digest = status === 206 ? undefined : digestOf(route);
  const encoding = headers['content-encoding'] ?? 'identity';
  try {
    if (digest === undefined) await streamBody(body, response.writeHead(status, head), undefined);
    else if (encoding === 'identity')
      await streamBody(
        body,
        response.writeHead(status, head),
        createDigestCheck(digest, lengthOf(headers), hashThread),
      );
    else await pipeline(body.stream, createDecodedCheck(digest, encoding), response.writeHead(status, head));
  } finally {
    body.stream.destroy();
  }
}

function lengthOf(headers: UpstreamReply['headers']): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** For a request that is not a pull. */
export function methodNotAllowed(): OciError {
  return new OciError(405, 'UNSUPPORTED', 'This endpoint is for pulling alone.', { Allow: 'GET, HEAD' });
}
