// Sends one small HTTP request to an upstream and reads its small answer: no redirects, no decompression, no ambient proxy, bounded in size and time.

import { lookup as systemLookup } from 'node:dns/promises';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { Agent, request as sendRequest } from 'undici';
import type { Dispatcher } from 'undici';
import type { Secret } from '../core/secret.ts';
import { createConnector } from './connector.ts';
import type { ConnectionPhase, Lookup } from './connector.ts';
import type { EgressPolicy } from './egress.ts';
import { failureOf } from './failure.ts';
import type { Limits } from './limits.ts';

export interface ClientSettings {
  readonly egress: EgressPolicy;
  readonly secureContext: SecureContext;
  readonly limits: Limits;
  readonly userAgent: string;
  /** The one origin whose certificate is not verified, or undefined to verify all. */
  readonly unverifiedOrigin: string | undefined;
  /** Default: as many as there are requests at once. */
  readonly maxConnectionsPerOrigin?: number | undefined;
  /** Default: the system's name service. */
  readonly lookup?: Lookup | undefined;
  readonly onPhase?: ((phase: ConnectionPhase, origin: string) => void) | undefined;
}

export interface UpstreamRequest {
  readonly url: URL;
  /** Value of the Authorization header. */
  readonly authorization?: Secret | undefined;
  readonly accept?: string | undefined;
  /** Bytes of the body that are read; the rest is cut off with its connection. */
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** As it came over the wire: not decompressed. */
  readonly body: Buffer;
  /** Whether the upstream sent more than `maxBodyBytes`. */
  readonly isTruncated: boolean;
}

export interface UpstreamClient {
  /** @throws UpstreamFailure for what the upstream or the way to it does; the signal's reason when it was aborted. */
  get(request: UpstreamRequest): Promise<UpstreamAnswer>;
  close(): Promise<void>;
}

/** A client has one Agent per TLS policy, so that an unverified connection never carries a request that wants a verified one. */
export function createClient(settings: ClientSettings): UpstreamClient {
  const closing = new AbortController();
  const verified = createAgent(settings, true, closing.signal);
  const unverified = createAgent(settings, false, closing.signal);
  return {
    get: (request) => get(request, settings, request.url.origin === settings.unverifiedOrigin ? unverified : verified),
    async close() {
      closing.abort();
      await Promise.all([verified.destroy(), unverified.destroy()]);
    },
  };
}

/**
 * The trust of verified connections, built once since it parses every root certificate.
 * @param extraCa PEM certificates that are trusted beside the system's, or undefined.
 */
export function createTrust(extraCa: string | undefined): SecureContext {
  const anchors = extraCa === undefined ? {} : { ca: [...getCACertificates('default'), extraCa] };
  return createSecureContext({ ...anchors, minVersion: 'TLSv1.2' });
}

function createAgent(settings: ClientSettings, verifyCertificate: boolean, signal: AbortSignal): Agent {
  const { egress, secureContext, limits } = settings;
  return new Agent({
    allowH2: false,
    connections: settings.maxConnectionsPerOrigin ?? null,
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.bodyTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connect: createConnector({
      egress,
      lookup: settings.lookup ?? ((hostname) => systemLookup(hostname, { all: true })),
      connectTimeoutMs: limits.connectTimeoutMs,
      secureContext,
      verifyCertificate,
      signal,
      onPhase: settings.onPhase ?? (() => undefined),
    }),
  });
}

async function get(request: UpstreamRequest, settings: ClientSettings, dispatcher: Dispatcher): Promise<UpstreamAnswer> {
  try {
    const response = await sendRequest(request.url, {
      dispatcher,
      method: 'GET',
      signal: request.signal,
      headers: {
        'user-agent': settings.userAgent,
        accept: request.accept ?? 'application/json',
        'accept-encoding': 'identity',
        ...(request.authorization === undefined ? {} : { authorization: request.authorization.reveal() }),
      },
    });
    const { body, isTruncated } = await readBody(response.body, request.maxBodyBytes);
    return { status: response.statusCode, headers: response.headers, body, isTruncated };
  } catch (error) {
    throw failureOf(error, request.url.host) ?? error;
  }
}

/** Reads up to the limit. Leaving the loop early destroys the body and with it the connection. */
async function readBody(stream: Dispatcher.ResponseData['body'], maxBytes: number): Promise<{ body: Buffer; isTruncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) return { body: Buffer.concat(chunks).subarray(0, maxBytes), isTruncated: true };
  }
  return { body: Buffer.concat(chunks), isTruncated: false };
}
