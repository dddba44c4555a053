// Sends HTTP requests to registries, token servers, and storage: no redirects, no decompression, no ambient proxy, small responses bounded in size and time.

import type { Readable } from 'node:stream';
import { type Dispatcher, request as sendRequest } from 'undici';
import { isRecord, parseJson } from '../../core/shared/json.ts';
import type { Secret } from '../../core/shared/secret.ts';
import { codeOf } from '../../core/shared/fault.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { failureOf, staleConnectionCode } from '../errors/network-errors.ts';
import type { Reach } from './addresses/guard.ts';
import type { Agents, Connections } from './agents.ts';
import type { BufferPool } from './memory/buffer-pool.ts';

interface RequestSettings {
  readonly userAgent: string;
  /** The one origin whose certificate is not verified, or undefined to verify all. */
  readonly unverifiedOrigin: string | undefined;
}

interface CommonRequest {
  readonly url: URL;
  /** Value of the Authorization header. */
  readonly authorization?: Secret | undefined;
  readonly signal: AbortSignal;
}

export interface UpstreamRequest extends CommonRequest {
  /** The fields of a form, encoded. Sent by POST in the place of GET. */
  readonly form?: Secret | undefined;
  readonly accept?: string | undefined;
  /** Maximum number of bytes read of the body; the rest is cut off with its connection. */
  readonly maxBodyBytes: number;
}

export interface UpstreamResponse {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** As received: not decompressed. */
  readonly body: Buffer;
  /** Whether the upstream sent more than `maxBodyBytes`. */
  readonly isTruncated: boolean;
}

interface StreamRequest extends CommonRequest {
  /** Where the connection may lead. Defaults to `ANY`. */
  readonly reach?: Reach | undefined;
  /** Whose share of the memory the content is read into. */
  readonly owner: string;
  readonly method: 'GET' | 'HEAD';
  /** Sent unchanged, next to User-Agent and Authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Maximum wait for the response to begin. */
  readonly headersTimeoutMs: number;
  /** Maximum silence inside the body. */
  readonly bodyTimeoutMs: number;
}

export interface StreamResponse {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** As received. Read it or destroy it, or its connection is never released. */
  readonly body: Readable;
  /** Releases the memory of a piece of the body for reuse, once it is no longer read. Pieces that are not released are garbage-collected. */
  readonly release: (piece: Buffer) => void;
}

export interface UpstreamClient {
  /** Sends a GET, or the POST of a form, and returns the whole response. @throws UpstreamFailure for what the upstream or the network does; the signal's reason if it was aborted. */
  get(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** Returns the response as soon as its headers arrive. @throws as `get` */
  open(request: StreamRequest): Promise<StreamResponse>;
}

/** Creates a client over connections that other clients use too. */
export function clientOver(agents: Agents, settings: RequestSettings): UpstreamClient {
  const connectionsTo = ({ origin }: URL, reach: Reach = 'ANY') => {
    if (reach !== 'ANY') return agents.redirected(reach);
    return origin === settings.unverifiedOrigin ? agents.unverified : agents.verified;
  };
  return {
    get: (request) =>
      observed(agents, () => get(request, settings.userAgent, connectionsTo(request.url), agents.bufferPool)),
    open: async (request) => ({
      ...(await observed(agents, () => open(request, settings.userAgent, connectionsTo(request.url, request.reach)))),
      release: (piece) => agents.bufferPool.release(piece, request.owner),
    }),
  };
}

/** Times a request. A body that is streamed is not part of it. */
async function observed<Response extends Pick<UpstreamResponse, 'status'>>(
  { observer }: Pick<Agents, 'observer'>,
  send: () => Promise<Response>,
): Promise<Response> {
  if (observer === undefined) return send();
  const started = performance.now();
  const end = (result: number | string): void => observer.observeUpstreamRequest(result, performance.now() - started);
  try {
    const response = await send();
    end(response.status);
    return response;
  } catch (error) {
    end(error instanceof UpstreamFailure ? error.outcome : 'other');
    throw error;
  }
}

async function get(
  request: UpstreamRequest,
  userAgent: string,
  connections: Connections,
  { release }: BufferPool,
): Promise<UpstreamResponse> {
  try {
    const { statusCode, headers, body } = await sendOver(connections, request.url, {
      method: request.form === undefined ? 'GET' : 'POST',
      body: request.form?.reveal() ?? null,
      signal: request.signal,
      headers: {
        ...(request.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        'user-agent': userAgent,
        accept: request.accept ?? 'application/json',
        'accept-encoding': 'identity',
        ...authorizationHeader(request),
      },
    });
    return { status: statusCode, headers, ...(await readBody(body, request.maxBodyBytes, release)) };
  } catch (error) {
    throw failureOf(error, request.url.host) ?? error;
  }
}

/** Bytes of a body that wait for its reader before the connection is read no further, beside one piece. */
const maxWaitingBytes = 16 * 1024;

async function open(
  request: StreamRequest,
  userAgent: string,
  connections: Connections,
): Promise<Omit<StreamResponse, 'release'>> {
  try {
    const { statusCode, headers, body } = await sendOver(connections, request.url, {
      method: request.method,
      signal: request.signal,
      headersTimeout: request.headersTimeoutMs,
      bodyTimeout: request.bodyTimeoutMs,
      highWaterMark: maxWaitingBytes,
      headers: { ...request.headers, 'user-agent': userAgent, ...authorizationHeader(request) },
    });
    // The body can be cut off before it is read, and an error event without a listener ends the process. Readers get it as well.
    body.on('error', () => undefined);
    return { status: statusCode, headers, body };
  } catch (error) {
    throw failureOf(error, request.url.host) ?? error;
  }
}

/**
 * Sends a request, and once more on a new connection if a reused one ended before a byte of the answer (RFC 9110 §9.2.2), or with the 408 by which
 * HAProxy and others close one that was idle (§15.5.9).
 */
async function sendOver(
  { pooled, fresh }: Connections,
  url: URL,
  options: Omit<Dispatcher.RequestOptions, 'origin' | 'path'>,
): Promise<Dispatcher.ResponseData> {
  // Repeating only what is safe to repeat: a server can have acted on a request that it never answered.
  const isSafe = options.method === 'GET' || options.method === 'HEAD';
  try {
    const response = await sendRequest(url, { ...options, dispatcher: pooled });
    if (!isSafe || response.statusCode !== requestTimeout) return response;
    response.body.on('error', () => undefined).destroy();
  } catch (error) {
    if (!isSafe || codeOf(error) !== staleConnectionCode) throw error;
  }
  return sendRequest(url, { ...options, dispatcher: fresh });
}

const requestTimeout = 408;

function authorizationHeader({ authorization }: CommonRequest): Record<string, string> {
  return authorization === undefined ? {} : { authorization: authorization.reveal() };
}

/**
 * Reads up to the limit. Leaving the loop early destroys the body and with it the connection.
 * @param release Releases the memory of a piece for reuse.
 */
export async function readBody(
  stream: Readable,
  maxBytes: number,
  release: (piece: Buffer) => void,
): Promise<Pick<UpstreamResponse, 'body' | 'isTruncated'>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) break;
  }
  // A copy, also of one chunk.
  const body = Buffer.concat(chunks).subarray(0, maxBytes);
  for (const chunk of chunks) release(chunk);
  return { body, isTruncated: size > maxBytes };
}

/** Returns the body as a JSON object, or undefined if it is truncated, compressed, or anything else. The Content-Type is not trusted. */
export function jsonBody(response: UpstreamResponse): Record<string, unknown> | undefined {
  if (response.isTruncated || isEncoded(response)) return undefined;
  const value = parseJson(response.body.toString('utf8'));
  return isRecord(value) ? value : undefined;
}

/** Returns whether the body is compressed although identity was requested (RFC 9110 §12.5.3). */
export function isEncoded(response: UpstreamResponse): boolean {
  const encoding = firstHeader(response, 'content-encoding') ?? 'identity';
  return encoding.trim().toLowerCase() !== 'identity';
}

/** Returns the first value of a header, or undefined if absent. @param name In lower case. */
export function firstHeader(response: Pick<UpstreamResponse, 'headers'>, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
