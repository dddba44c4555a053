// Lets OpenID Connect issuers be contacted through the one HTTPS client of `upstream/transport`: implements the port `IssuerHttp`.

import { isLoopbackHost } from '../../core/registry/host.ts';
import type { IssuerHttp, IssuerRequest } from '../../server/auth/oidc/issuer.ts';
import { isFitUrl } from '../../server/auth/oidc/settings.ts';
import {
  createHttpsClient,
  type HttpsClient,
  type HttpsClientSettings,
} from '../../upstream/transport/https-client.ts';

/** Milliseconds to connect: a few round trips to another continent. */
const connectTimeoutMs = 3_000;

/** Milliseconds from the first byte sent to the last received. Short, because users and pulls wait for it. */
const answerTimeoutMs = 5_000;

/** Maximum size of a response body: metadata and keys are 2 to 20 KiB, and tokens with many groups about as much. */
const maxBodyBytes = 256 * 1024;

/**
 * Creates the client for issuers. Opens no connection yet.
 * @param extraCa PEM certificates that are trusted in addition to the system's.
 * @param lookup Defaults to the system's DNS resolver.
 */
export function createIssuerHttp(extraCa: string | undefined, lookup?: HttpsClientSettings['lookup']): IssuerHttp {
  const client = createHttpsClient({
    extraCa,
    lookup,
    connectTimeoutMs,
    maxBodyBytes,
    allowsPlainHttp: isLoopbackHost,
  });
  return { send: (url, request) => send(client, url, request), close: () => client.close() };
}

async function send(
  client: HttpsClient,
  url: string,
  { method, headers, body, signal }: IssuerRequest,
): Promise<Response> {
  if (!isFitUrl(url)) throw new Error('An issuer is contacted over HTTPS, or over HTTP on loopback.');
  const timeout = AbortSignal.timeout(answerTimeoutMs);
  const answer = await client.send({
    method,
    url: new URL(url),
    headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': 'regway' },
    body: body ?? undefined,
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  const type = answer.headers['content-type'];
  // A Response of these statuses may have no body (Fetch §3.7.2); Regway reads none of them.
  const isEmpty = [204, 205, 304].includes(answer.status);
  return new Response(isEmpty ? null : answer.body, {
    status: answer.status,
    headers: type === undefined ? {} : { 'content-type': type },
  });
}
