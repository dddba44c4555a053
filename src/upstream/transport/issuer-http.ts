// Asks issuers for their metadata, keys and tokens: verified TLS (plain HTTP on loopback alone), no redirects, no ambient proxy, answers bounded in size and time.

import { createSecureContext, getCACertificates } from 'node:tls';
import { Agent, request as sendRequest } from 'undici';
import type { IssuerHttp, IssuerRequest } from '../../server/auth/oidc/issuer.ts';
import { isFitUrl } from '../../server/auth/oidc/settings.ts';

/** A few round trips to another continent. */
const connectTimeoutMs = 3_000;
/** From the first byte sent to the last received: people and pulls wait for it. */
const answerTimeoutMs = 5_000;
/** Metadata and keys are 2–20 KiB, tokens with many groups as much. */
const maxBodyBytes = 256 * 1024;

/** @param extraCa PEM certificates that are trusted beside the system's. Opens nothing yet. */
export function createIssuerHttp(extraCa: string | undefined): IssuerHttp {
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
    connect: { timeout: connectTimeoutMs, rejectUnauthorized: true, ...trust },
  });
  return { send: (url, request) => send(agent, url, request), close: () => agent.destroy() };
}

async function send(
  dispatcher: Agent,
  url: string,
  { method, headers, body, signal }: IssuerRequest,
): Promise<Response> {
  if (!isFitUrl(url)) throw new Error('An issuer is asked by https, or on loopback.');
  const timeout = AbortSignal.timeout(answerTimeoutMs);
  const answer = await sendRequest(url, {
    dispatcher,
    method,
    body: body ?? null,
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': 'regway' },
  });
  const content = await readBounded(answer.body);
  const type = answer.headers['content-type'];
  // A Response of these statuses may have no body (Fetch §3.7.2); nothing of ours reads it.
  const isEmpty = [204, 205, 304].includes(answer.statusCode);
  return new Response(isEmpty ? null : content, {
    status: answer.statusCode,
    headers: typeof type === 'string' ? { 'content-type': type } : {},
  });
}

async function readBounded(stream: AsyncIterable<Buffer>): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the body, and its connection.
    if (size > maxBodyBytes) throw new Error('An issuer sent more than its answer can be.');
  }
  return Buffer.concat(chunks);
}
