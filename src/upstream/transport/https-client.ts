// Sends requests to the clouds' own endpoints: verified TLS always, no redirects, no ambient proxy, answers bounded in size and time.

import { createSecureContext, getCACertificates } from 'node:tls';
import type { LookupFunction } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request as sendRequest } from 'undici';
import { isRecord, parseJson } from '../../core/shared/json.ts';
import { CloudFailure } from '../cloud/failure.ts';
import { unusable } from '../cloud/provider.ts';

export interface CloudHttpSettings {
  /** PEM certificates that are trusted beside the system's. */
  readonly extraCa: string | undefined;
  /** Default `regway`. */
  readonly userAgent?: string | undefined;
  /** Default: the system's name service. */
  readonly lookup?: LookupFunction | undefined;
}

export interface CloudRequest {
  /** Who is asked, for the words of a failure. */
  readonly provider: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
}

export interface CloudAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface CloudHttp {
  /** @throws CloudFailure for a redirect, an answer that is too large, or no answer; the signal's reason when it was aborted. */
  send(request: CloudRequest): Promise<CloudAnswer>;
  close(): Promise<void>;
}

/** A few round trips to another continent. */
const connectTimeoutMs = 5_000;

/** The clouds answer within a second or two. */
const answerTimeoutMs = 10_000;

/** Tokens are 1 to 4 KiB, and errors less; 128 KiB bounds a hostile answer. */
const maxBodyBytes = 128 * 1024;

/** Opens nothing yet. */
export function createCloudHttp({ extraCa, userAgent = 'regway', lookup }: CloudHttpSettings): CloudHttp {
  const trust =
    extraCa === undefined
      ? {}
      : {
          secureContext: createSecureContext({
            ca: [...getCACertificates('default'), extraCa],
            minVersion: 'TLSv1.2' as const,
          }),
        };
  const agent = new Agent({
    allowH2: false,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    connect: {
      timeout: connectTimeoutMs,
      rejectUnauthorized: true,
      ...trust,
      ...(lookup === undefined ? {} : { lookup }),
    },
  });
  return { send: (request) => send(agent, userAgent, request), close: () => agent.destroy() };
}

async function send(
  dispatcher: Agent,
  userAgent: string,
  { provider, method, url, headers, body, signal }: CloudRequest,
): Promise<CloudAnswer> {
  try {
    const answer = await sendRequest(url, {
      dispatcher,
      method,
      signal,
      body: body ?? null,
      headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...headers },
    });
    const content = await readBounded(answer.body, provider);
    if (answer.statusCode >= 300 && answer.statusCode < 400)
      throw unusable(provider, `HTTP ${answer.statusCode}, a redirect, which is not followed`);
    return { status: answer.statusCode, headers: answer.headers, body: content };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CloudFailure) throw error;
    throw unreachable(provider, url.host, error);
  }
}

async function readBounded(stream: AsyncIterable<Buffer>, provider: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the body, and its connection.
    if (size > maxBodyBytes) throw unusable(provider, 'it sent more than a token can be');
  }
  return Buffer.concat(chunks);
}

function unreachable(provider: string, host: string, error: unknown): CloudFailure {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
  return new CloudFailure(`${provider} could not be asked: ${host} did not answer (${code}).`, {
    hint: 'Check that this server may reach that host, and that the region in the name of the registry exists.',
    retryable: true,
  });
}

/** The body as a JSON object; empty when it is none. The Content-Type is not believed. */
export function jsonObject({ body }: CloudAnswer): Record<string, unknown> {
  const value = parseJson(body.toString('utf8'));
  return isRecord(value) ? value : {};
}

/** A form to be posted. */
export function formRequest(
  fields: Readonly<Record<string, string>>,
): Pick<CloudRequest, 'method' | 'headers' | 'body'> {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams(fields).toString(),
  };
}
