// Turns an upstream's response to a pull into what the client may see: content as it arrives, errors by code, rejected credentials as failures.

import type { Readable } from 'node:stream';
import { orAborted } from '../../core/pulls/abort.ts';
import type { PullSource } from '../../core/pulls/pull.ts';
import { AdvisedProblem } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import { noFacts, type UpstreamErrorCode, UpstreamFailure } from '../errors/failure.ts';
import { describeOutcome, readsCatalog } from '../errors/outcomes.ts';
import { isRegistryHost } from '../login/endpoint.ts';
import { limitOf, registryRefusal, retryAfterOf, upstreamErrorCode } from '../login/refusal.ts';
import { repeats } from '../login/redact.ts';
import type { RegistrySession } from '../login/session.ts';
import { readBody, type StreamResponse, type UpstreamResponse } from '../transport/client.ts';
import { openPullSession, discard, type PullExchange, type UpstreamExchange } from './request.ts';

interface PullBody {
  /** Read it or destroy it. */
  readonly stream: Readable;
  /** Returns the memory of a piece of the stream for reuse, once it is no longer read. The piece must be whole. */
  readonly release: (piece: Buffer) => void;
  /**
   * Lets the connection be asked for while others wait for one.
   * @param idleMs Returns the milliseconds since the reader last made progress.
   * @param giveUp Is to destroy the stream.
   */
  readonly onYield: (idleMs: () => number, giveUp: () => void) => void;
}

export interface PullReply {
  readonly status: number;
  /** Of the upstream, in lower case, none of them with the credential that it was sent. Of an error only `retry-after` and `content-range`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL of the final response, against which a relative `Link` is resolved. */
  readonly url: URL;
  /** The content of a 200 or 206. */
  readonly body: PullBody | undefined;
  /** The code of the registry's error response; null if it has none. */
  readonly errorCode: UpstreamErrorCode | null;
}

const contentStatuses: ReadonlySet<number> = new Set([200, 206, 304]);

/** Statuses below 500 that are about access, a limit, or the connection. Every other one is about the request, and final (RFC 9110 §15.5). */
const notAboutTheRequest: ReadonlySet<number> = new Set([401, 403, 405, 407, 408, 421, 425, 429]);

/** Statuses above 500 that are as final: what a server does not do, and a loop of proxies (RFC 9110 §15.6.2, RFC 5842 §7.2). */
const finalAbove500: ReadonlySet<number> = new Set([501, 508]);

/** Whether a status is passed to the client as it is. */
function isRequestFault(status: number): boolean {
  return (status >= 400 && status < 500 && !notAboutTheRequest.has(status)) || finalAbove500.has(status);
}

/** Returns whether a registry says that it has no catalog: by 405 or by its code, which some send with the status of a refusal. */
export function isWithoutCatalog({ repository }: PullSource, response: UpstreamResponse): boolean {
  return (
    repository === null &&
    (response.status === 405 || (response.status < 500 && upstreamErrorCode(response) === 'UNSUPPORTED'))
  );
}

/**
 * Reads the head of a response, and the whole of an error.
 * @throws UpstreamFailure for a rejected credential, a rate limit, and statuses that no registry should send.
 */
export async function readReply(exchange: PullExchange, upstream: UpstreamExchange): Promise<PullReply> {
  const { url } = upstream;
  if (!contentStatuses.has(upstream.response.status)) return readError(exchange, upstream);
  const response = exchange.request.headers['range'] === undefined ? wholeOf(exchange, upstream) : upstream.response;
  const reply = { status: response.status, headers: safeHeaders({ ...upstream, response }), url, errorCode: null };
  if (response.status !== 304 && exchange.request.method === 'GET')
    return { ...reply, body: { stream: response.body, release: response.release, onYield: upstream.slot.onYield } };
  discard(response);
  return { ...reply, body: undefined };
}

/**
 * Returns the response to a request without a Range, which must be the whole (RFC 9110 §15.3.7). Even a part that says it is all of the content is
 * an answer to a question that was not asked.
 * @throws UpstreamFailure for a part.
 */
function wholeOf({ source }: PullExchange, { response }: UpstreamExchange): StreamResponse {
  if (response.status !== 206) return response;
  discard(response);
  throw new UpstreamFailure('UPSTREAM_ERROR', {
    host: source.host,
    status: response.status,
    reason: 'HTTP 206: a part of the content, although all of it was requested',
  });
}

async function readError({ context, source, request }: PullExchange, upstream: UpstreamExchange): Promise<PullReply> {
  const { response, url, isStorage } = upstream;
  const small = await readSmall(response, context.limits.maxErrorBodyBytes, context.limits.checkTimeoutMs);
  const hasNoCatalog = isWithoutCatalog(source, small);
  const isFinal = hasNoCatalog || isRequestFault(response.status);
  // The credential is opened only to redact it: the host of a hostile registry's redirect can contain the password that it was sent.
  const opening = isFinal ? undefined : source.credential?.();
  const credential = opening && (await orAborted(opening, request.signal));
  const session = openPullSession(context, source, credential);
  const limit = isStorage ? undefined : limitOf(session, small, url);
  if (limit !== undefined) throw limit;
  if (!isFinal) throw refusal(session, small, url, isStorage);
  const errorCode = request.method === 'HEAD' || isStorage ? null : upstreamErrorCode(small);
  const { 'retry-after': retryAfter, 'content-range': contentRange } = safeHeaders(upstream);
  const headers = {
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    ...(contentRange === undefined ? {} : { 'content-range': contentRange }),
  };
  // A status that would make the client log in again says here that there is nothing to log in to.
  const status = hasNoCatalog && [401, 403].includes(response.status) ? 404 : response.status;
  return { status, headers, url, body: undefined, errorCode };
}

function refusal(session: RegistrySession, response: UpstreamResponse, url: URL, isStorage: boolean): UpstreamFailure {
  const { host } = session.target;
  if (isStorage && response.status !== 429)
    return new UpstreamFailure('UPSTREAM_ERROR', {
      host,
      status: response.status,
      reason: `HTTP ${response.status} from ${session.redact(url.host) ?? 'the address'}, to which it redirects`,
      // The next redirect has a new signature.
      retryable: true,
      retryAfter: retryAfterOf(response, session.now().getTime()),
    });
  return registryRefusal(session, response, url, true);
}

/** Reads the whole of a small body; a slow one is cut off. */
export async function readSmall(
  response: StreamResponse,
  maxBytes: number,
  timeoutMs: number,
): Promise<UpstreamResponse> {
  const timer = setTimeout(() => response.body.destroy(), timeoutMs);
  try {
    return {
      status: response.status,
      headers: response.headers,
      ...(await readBody(response.body, maxBytes, response.release)),
    };
  } catch {
    return { status: response.status, headers: response.headers, body: Buffer.alloc(0), isTruncated: true };
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the headers without those that repeat the credential that was sent. */
function safeHeaders({ response, sent }: UpstreamExchange): Record<string, string> {
  const pairs = Object.entries(response.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? valueOf(name, value) : value] as const],
  );
  return Object.fromEntries(pairs.filter(([, value]) => !repeats(sent, value)));
}

/** Headers with one value. A proxy repeats what the registry behind it sent, and clients read the first. */
const singleValued: ReadonlySet<string> = new Set([
  'content-type',
  'content-range',
  'docker-content-digest',
  'etag',
  'last-modified',
  'location',
  'retry-after',
]);

function valueOf(name: string, values: readonly string[]): string {
  return singleValued.has(name) ? (values[0] ?? '') : values.join(', ');
}

/**
 * Runs a step of a pull; an UpstreamFailure becomes a Problem.
 * @throws Problem `UPSTREAM_FAILED` with the outcome as its reason.
 */
export async function toProblem<Result>(source: PullSource, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof UpstreamFailure ? problemOf(source, error) : error;
  }
}

function problemOf({ host, repository, registry }: PullSource, failure: UpstreamFailure): Problem {
  const { outcome, facts } = failure;
  if (registry === null && facts.isPrivate === true && facts.addressRefusal !== 'PRIVATE_REDIRECT')
    return nothingThere(host, failure);
  const own = {
    host,
    repository,
    username: registry?.username ?? '',
    secureConnection: registry?.secureConnection ?? true,
    isRegistry: registry !== null && (facts.host === undefined || isRegistryHost(host, facts.host)),
  };
  // Names in a certificate are the upstream's own words, which are not redacted here.
  const about = repository === null && outcome === 'INSUFFICIENT_SCOPE' ? { reason: readsCatalog } : {};
  const { message, advice, retryable } = describeOutcome(outcome, {
    ...noFacts,
    ...own,
    ...facts,
    ...about,
    certificateNames: '',
  });
  return new AdvisedProblem('UPSTREAM_FAILED', message, advice, {
    reason: outcome,
    retryAfter: facts.retryAfter ?? undefined,
    retryable,
    upstreamStatus: facts.status,
    cause: failure,
  });
}

/**
 * Returns the one answer for every failure of an anonymous pull from an address that only its own network reaches: refused, silent, closed, without a trusted
 * certificate, or forbidden. Otherwise every login that may pull could scan that network.
 */
function nothingThere(host: string, cause: UpstreamFailure): Problem {
  const message = `No registry with a trusted certificate answers at ${host}. If there is one, add it to Regway and validate it to see the reason.`;
  return new Problem('UPSTREAM_FAILED', message, { reason: 'UNREACHABLE', retryable: true, cause });
}
