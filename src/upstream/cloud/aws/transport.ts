// Sends the AWS SDK's signed requests through Regway's HTTPS client, which bounds responses and follows no redirect.

import { Readable } from 'node:stream';
import type { ECRClientConfig } from '@aws-sdk/client-ecr';
import type { HttpsClient } from '../../transport/https-client.ts';
import { unanswered, unusable } from '../failure.ts';
import { sendToCloud } from '../provider.ts';

/** The request handler of the AWS SDK. */
export type AwsTransport = Extract<NonNullable<ECRClientConfig['requestHandler']>, { readonly handle: unknown }>;

/** The parts of the SDK's request that are used. All calls are POST requests with a complete body. */
interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The options that the SDK passes with each request. */
interface RequestOptions {
  readonly abortSignal?: unknown;
}

/** Milliseconds for one request. The SDK's credential chain passes no signal, and its requests outlive the call that began them. */
const requestTimeoutMs = 10_000;

/** Creates a request handler for the SDK's clients. It belongs to no call, because the SDK hands it on to clients that it keeps. */
export function createAwsTransport(http: HttpsClient, provider: string): AwsTransport {
  const transport = {
    async handle(request: SignedRequest, { abortSignal }: RequestOptions = {}) {
      const { protocol, hostname, port, path, method, headers, body } = request;
      const url = new URL(path, `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`);
      const late = AbortSignal.timeout(requestTimeoutMs);
      const response = await sendToCloud(http, provider, {
        method,
        url,
        headers,
        body: bytesOf(body, provider),
        signal: abortSignal instanceof AbortSignal ? AbortSignal.any([abortSignal, late]) : late,
      }).catch((error: unknown) => {
        throw error === late.reason ? unanswered() : error;
      });
      return {
        response: {
          statusCode: response.status,
          headers: flatten(response.headers),
          body: Readable.from([response.body]),
        },
      };
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
  return transport;
}

function bytesOf(body: unknown, provider: string): string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
  throw unusable(provider, 'its request could not be sent');
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
