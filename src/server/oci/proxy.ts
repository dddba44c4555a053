// Answers one pull: finds the credential, requests the content upstream, and streams it, verified, at the pace of the client.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../../core/authz/principal.ts';
import { retryWithCurrentCredential, type Pulls, type PullSource } from '../../core/pulls/pull.ts';
import { nameOf } from '../../core/registry/match.ts';
import { type ValidationOutcome, validationOutcomes } from '../../core/registry/report.ts';
import type { Slot } from '../../core/shared/fair-slots.ts';
import { Problem } from '../../core/shared/problem.ts';
import { createSizeCheck, rejectNoCatalog } from './content/catalog.ts';
import { codingOf, createDigestCheck, createEncodedCheck, type DigestCheck } from './content/digest.ts';
import type { Coding } from './content/decoded-hash.ts';
import type { DecodingSlots } from './content/decoding-slots.ts';
import type { HashThread } from './content/hash-thread.ts';
import { digestOf, headersForClient, headersForUpstream, headersOfError } from './content/headers.ts';
import { type ByteMeter, type Content, ContentBrokenOff, streamBody } from './content/stream-body.ts';
import { type OciCode, OciError } from './errors.ts';
import type { PullClient } from './login.ts';
import { type ContentKind, contentPath, type ContentRoute, isList } from './routes.ts';

/** The port to upstream registries. */
export interface PullUpstream {
  /**
   * Sends the request and returns the response when its head has arrived.
   * @throws Problem UPSTREAM_FAILED with its reason; what `PullSource.credential` throws; the signal's reason.
   */
  open(source: PullSource, request: UpstreamRequest): Promise<UpstreamResponse>;
}

interface UpstreamRequest {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly kind: ContentKind;
  readonly digest: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Who is served in turn with others. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

interface UpstreamResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly url: URL;
  readonly body: Content | undefined;
  readonly errorCode: string | null;
  readonly location: string | undefined;
}

/** The ports that a pull uses. */
export interface ProxyPorts {
  readonly pulls: Pick<Pulls, 'resolve' | 'recordUse'>;
  readonly upstream: PullUpstream;
  readonly hashThread: HashThread;
  readonly decodings: DecodingSlots;
  /** Counts what is in transit. */
  readonly meter: ByteMeter;
  /** Called when the use of a credential could not be recorded. */
  readonly onFault: (error: unknown, requestId: string) => void;
}

/** One pull and the client that requests it. */
export interface Pull {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller & { readonly signal: () => AbortSignal };
  readonly client: PullClient;
  readonly route: ContentRoute;
}

/** A valid grant for another repository: the client should fetch one for this repository. */
export class ScopeMissing extends Error {
  override readonly name = 'ScopeMissing';
}

/** Answers a pull. @throws Problem, OciError, ScopeMissing before the response has begun; DigestMismatch, ClientLeft, and stream errors later. */
export async function answerPull(ports: ProxyPorts, pull: Pull): Promise<void> {
  const { response, route } = pull;
  const upstreamResponse = await retryWithCurrentCredential(
    () => findSource(ports, pull),
    (source) => requestUpstream(ports, pull, source),
  );
  response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
  if (route.namespace !== undefined) response.setHeader('OCI-Namespace', route.host);
  const { status, location } = upstreamResponse;
  if (location !== undefined) response.writeHead(status, { Location: location, 'Content-Length': 0 }).end();
  else if (status >= 400) throw upstreamError(upstreamResponse, route);
  else await sendContent(ports, pull, upstreamResponse);
}

async function findSource({ pulls }: ProxyPorts, { caller, route, client }: Pull): Promise<PullSource> {
  // First, so that a caller who may not pull gets an error that says so, not a challenge to fetch another grant.
  const source = await pulls.resolve(caller, route);
  if (client.granted?.includes(nameOf(route)) === false) throw new ScopeMissing();
  return source;
}

async function requestUpstream(
  ports: ProxyPorts,
  { request, caller, route }: Pull,
  source: PullSource,
): Promise<UpstreamResponse> {
  const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
  const { kind, reference } = route;
  const record = (outcome: 'DONE' | ValidationOutcome, error?: unknown) =>
    ports.pulls.recordUse(caller, source, outcome, { method, kind, reference }, error).catch((fault: unknown) => {
      ports.onFault(fault, caller.requestId);
    });
  try {
    const upstreamResponse = await ports.upstream.open(source, {
      method,
      path: pathOf(route),
      kind,
      digest: digestOf(route),
      headers: headersForUpstream(request, kind),
      owner: ownerOf(caller, route),
      signal: caller.signal(),
    });
    // A request for something that does not exist is no use of the credential.
    if (upstreamResponse.status < 400) void record('DONE');
    return upstreamResponse;
  } catch (error) {
    const reason = error instanceof Problem && error.code === 'UPSTREAM_FAILED' ? error.reason : undefined;
    const outcome = validationOutcomes.find((known) => known === reason);
    // Awaited, so that the next pull sees the open circuit.
    if (outcome !== undefined) await record(outcome, error);
    throw error;
  }
}

/** Names who is served in turn: each login, and its blobs apart, so that its manifests do not wait for them. */
function ownerOf({ principal }: Caller, { kind }: ContentRoute): string {
  const isBlob = kind === 'blobs';
  return JSON.stringify([principal?.account, principal?.subject, isBlob]);
}

function pathOf(route: ContentRoute): string {
  const path = contentPath(route);
  return isList(route) && route.query.size > 0 ? `${path}?${route.query}` : path;
}

const unknownCodes: Readonly<Record<ContentKind, OciCode>> = {
  manifests: 'MANIFEST_UNKNOWN',
  blobs: 'BLOB_UNKNOWN',
  tags: 'NAME_UNKNOWN',
  referrers: 'MANIFEST_UNKNOWN',
  catalog: 'UNSUPPORTED',
};

/** Statuses of content that is denied, with any code of the registry. */
const deniedStatuses: ReadonlySet<number> = new Set([402, 451]);

/** Returns the upstream's status and code with Regway's own message: the registry's could repeat the credential. Clients decide by status and code. */
function upstreamError({ status, errorCode, headers }: UpstreamResponse, { kind, host }: ContentRoute): OciError {
  // UNAUTHORIZED makes Docker prompt for a password, but Regway has already authenticated the client.
  const known = errorCode === 'UNAUTHORIZED' || errorCode === 'DENIED' ? null : errorCode;
  const otherCode = deniedStatuses.has(status) ? 'DENIED' : 'UNSUPPORTED';
  const code = known ?? (status === 404 ? unknownCodes[kind] : otherCode);
  return new OciError(status, code, `${host} responded with HTTP ${status}.`, headersOfError(headers), status);
}

async function sendContent(ports: ProxyPorts, pull: Pull, upstreamResponse: UpstreamResponse): Promise<void> {
  const { response, route, caller } = pull;
  const { body, status, headers, url } = upstreamResponse;
  // A part of the content cannot be verified, because the digest is of the whole.
  const digest = body === undefined || status === 206 ? undefined : digestOf(route);
  const head = headersForClient(headers, { route, respondedFrom: url, verifiedDigest: digest });
  if (body === undefined) {
    response.writeHead(status, head).end();
    return;
  }
  const coding = digest === undefined ? undefined : codingOf(headers['content-encoding'] ?? 'identity');
  let decoding: Slot | undefined;
  try {
    if (route.kind === 'catalog') rejectNoCatalog(headers, route.host, status);
    if (coding !== undefined) decoding = await ports.decodings.acquire(ownerOf(caller, route), caller.signal());
    const listCheck = route.kind === 'catalog' ? createSizeCheck(body.stream) : undefined;
    const check = digest === undefined ? listCheck : checkOf(digest, coding, headers, ports.hashThread);
    const onYield: Content['onYield'] = (idleMs, giveUp) => {
      for (const slot of [body, decoding]) slot?.onYield(idleMs, giveUp);
    };
    const writeHead = () => void response.writeHead(status, head);
    await streamBody({ ...body, onYield }, response, { writeHead, check, meter: ports.meter });
  } catch (error) {
    if (!(error instanceof ContentBrokenOff) || response.headersSent || response.destroyed) throw error;
    throw new OciError(502, 'UNAVAILABLE', `${route.host} ended its response before any content.`, {}, status);
  } finally {
    decoding?.release();
    body.stream.destroy();
  }
}

function checkOf(
  digest: string,
  coding: Coding | undefined,
  headers: UpstreamResponse['headers'],
  hashThread: HashThread,
): DigestCheck {
  return coding === undefined
    ? createDigestCheck(digest, lengthOf(headers), hashThread)
    : createEncodedCheck(digest, coding, hashThread);
}

function lengthOf(headers: UpstreamResponse['headers']): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** Creates the 405 for a request that is not a pull. */
export function methodNotAllowed(): OciError {
  return new OciError(405, 'UNSUPPORTED', 'This endpoint only supports pulls: GET and HEAD.', { Allow: 'GET, HEAD' });
}
