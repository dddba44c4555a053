// One request of a pull while it is answered, and how it is sent to the registry or to the storage that it redirects to.

import type { PullSource } from '../../core/ports.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { StreamAnswer, UpstreamClient } from '../transport/client.ts';
import { clientFor } from './tools.ts';
import type { PullTools } from './tools.ts';

export interface PullRequest {
  readonly method: 'GET' | 'HEAD';
  /** Below `/v2/<repository>/`, with its query; made of parsed parts alone. */
  readonly path: string;
  /** Headers of the client that may go upstream. None of them is a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Exchange {
  readonly tools: PullTools;
  readonly source: PullSource;
  readonly request: PullRequest;
  readonly client: UpstreamClient;
}

/** An answer and what it answers. */
export interface Exchanged {
  readonly answer: StreamAnswer;
  readonly url: URL;
  readonly authorization: Secret | undefined;
}

/** Starts an exchange. It ends with the client's signal, or with the connections when the server stops. */
export function startExchange(tools: PullTools, source: PullSource, request: PullRequest): Exchange {
  return { tools, source, request, client: clientFor(tools, source) };
}

/** @throws UpstreamFailure */
export async function send({ client, request, tools }: Exchange, url: URL, authorization: Secret | undefined): Promise<Exchanged> {
  const { method, headers, signal } = request;
  const { contentHeadersTimeoutMs, contentIdleTimeoutMs } = tools.limits;
  const answer = await client.open({ url, method, headers, authorization, signal, headersTimeoutMs: contentHeadersTimeoutMs, bodyTimeoutMs: contentIdleTimeoutMs });
  return { answer, url, authorization };
}

/** A small rest is read, so that its connection can be used again; a big one costs its connection. */
const maxDiscardedBytes = 64 * 1024;

/** Gives up an answer whose body nobody reads. */
export function discard({ body }: StreamAnswer): void {
  let left = maxDiscardedBytes;
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) body.destroy();
  });
}
