// Sends requests to cloud APIs and OpenID Connect issuers: verified TLS, no redirects, no ambient proxy, responses bounded in size and time.

import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Agent, request as sendRequest } from 'undici';
import { codeOf } from '../../core/shared/fault.ts';
import { isRecord, parseJson } from '../../core/shared/json.ts';
import { createTrust } from './trust.ts';

export interface HttpsClientSettings {
  /** PEM certificates that are trusted in addition to the system's. */
  readonly extraCa: string | undefined;
  /** Milliseconds for name, TCP, and TLS together. */
  readonly connectTimeoutMs: number;
  /** Milliseconds until a response begins, and of silence inside it. Defaults to undici's 5 minutes each. */
  readonly idleTimeoutMs?: number | undefined;
  /** Bytes of a body; a larger one is an error. */
  readonly maxBodyBytes: number;
  /** Whether a host may be contacted over plain HTTP. Defaults to no host. */
  readonly allowsPlainHttp?: ((hostname: string) => boolean) | undefined;
  /** Defaults to `regway`. */
  readonly userAgent?: string | undefined;
  /** Defaults to the system's DNS resolver. */
  readonly lookup?: LookupFunction | undefined;
}

export interface HttpsRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
}

export interface HttpsResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As received: not decompressed. */
  readonly body: Buffer<ArrayBuffer>;
}

export interface HttpsClient {
  /**
   * Sends one request. A redirect is a response like any other.
   * @throws HttpsError if there is no usable response; the signal's reason if it was aborted.
   */
  send(request: HttpsRequest): Promise<HttpsResponse>;
  /** Closes every connection; running requests fail. */
  close(): Promise<void>;
}

/** `INSECURE`: the address needs TLS; nothing was sent. `TOO_LARGE`: the body exceeds the limit. `NO_RESPONSE`: the connection failed. */
type HttpsErrorKind = 'INSECURE' | 'TOO_LARGE' | 'NO_RESPONSE';

/** A request without a usable response. Has no cause, because undici's errors can contain the request, and requests contain secrets. */
export class HttpsError extends Error {
  override readonly name = 'HttpsError';
  readonly kind: HttpsErrorKind;
  /** Code of the network error, such as `ECONNREFUSED`; undefined if it has none. */
  readonly code: string | undefined;

  constructor(kind: HttpsErrorKind, code?: string) {
    super(code === undefined ? kind : `${kind} (${code})`);
    this.kind = kind;
    this.code = code;
  }
}

/** Creates a client with connections of its own. Opens none yet. */
export function createHttpsClient(settings: HttpsClientSettings): HttpsClient {
  const { extraCa, connectTimeoutMs, idleTimeoutMs, lookup } = settings;
  const agent = new Agent({
    allowH2: false,
    ...(idleTimeoutMs === undefined ? {} : { headersTimeout: idleTimeoutMs, bodyTimeout: idleTimeoutMs }),
    connect: {
      timeout: connectTimeoutMs,
      rejectUnauthorized: true,
      secureContext: createTrust(extraCa),
      ...(lookup === undefined ? {} : { lookup }),
    },
  });
  return { send: (request) => send(agent, settings, request), close: () => agent.destroy() };
}

async function send(
  dispatcher: Agent,
  { allowsPlainHttp, userAgent = 'regway', maxBodyBytes }: HttpsClientSettings,
  { method, url, headers, body, signal }: HttpsRequest,
): Promise<HttpsResponse> {
  const isPlain = url.protocol === 'http:' && allowsPlainHttp?.(url.hostname) === true;
  if (url.protocol !== 'https:' && !isPlain) throw new HttpsError('INSECURE');
  try {
    const response = await sendRequest(url, {
      dispatcher,
      method,
      signal,
      body: body ?? null,
      headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...headers },
    });
    const content = await readBounded(response.body, maxBodyBytes);
    return { status: response.statusCode, headers: response.headers, body: content };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HttpsError) throw error;
    throw new HttpsError('NO_RESPONSE', codeOf(error));
  }
}

async function readBounded(stream: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the body, and its connection.
    if (size > maxBytes) throw new HttpsError('TOO_LARGE');
  }
  return Buffer.concat(chunks);
}

/** Returns the body as a JSON object, or an empty one if it is anything else. The Content-Type is not trusted. */
export function jsonObject({ body }: Pick<HttpsResponse, 'body'>): Record<string, unknown> {
  const value = parseJson(body.toString('utf8'));
  return isRecord(value) ? value : {};
}

/** Returns a POST of a form (RFC 6749 appendix B) whose response is to be JSON. */
export function formRequest(
  fields: Readonly<Record<string, string>>,
): Pick<HttpsRequest, 'method' | 'headers' | 'body'> {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams(fields).toString(),
  };
}
