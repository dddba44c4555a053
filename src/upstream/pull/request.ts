// Sends the requests of one pull, to the registry and to the storage that it redirects to, and creates what all pulls share.

import type { PullSource } from '../../core/pulls/pull.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import { openSession, registryClient, type RegistrySession, type SessionContext } from '../login/session.ts';
import { createAgents } from '../transport/agents.ts';
import type { StreamResponse, UpstreamClient } from '../transport/client.ts';
import { createEgressPolicy } from '../transport/egress.ts';
import { defaultLimits, type NetworkSettings } from '../transport/settings.ts';
import { createTrust } from '../transport/trust.ts';
import { createKeyedMutex, type KeyedMutex } from './keyed-mutex.ts';

export interface PullRequest {
  readonly method: 'GET' | 'HEAD';
  /** The path below `/v2/<repository>/`, with its query; built only from parsed parts. */
  readonly path: string;
  /** Headers of the client that may be sent upstream. None of them is a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One pull while it runs. */
export interface PullExchange {
  readonly context: PullContext;
  readonly source: PullSource;
  readonly request: PullRequest;
  readonly client: UpstreamClient;
}

/** A response, and the request that it answers. */
export interface UpstreamExchange {
  readonly response: StreamResponse;
  readonly url: URL;
  readonly authorization: Secret | undefined;
  /** Whether a redirect to another origin led to the response. */
  readonly isStorage: boolean;
  /** Redirects that led to the response. */
  readonly hops: number;
}

/** Starts the exchange of one pull; sends nothing. It ends with the client's signal, or with the connections when the server stops. */
export function startExchange(context: PullContext, source: PullSource, request: PullRequest): PullExchange {
  return { context, source, request, client: registryClient(context, targetOf(source)) };
}

/** Sends the request of the pull to a URL, and returns its response once the headers arrive. @throws UpstreamFailure */
export async function send(
  { client, request, context }: PullExchange,
  url: URL,
  authorization: Secret | undefined,
): Promise<UpstreamExchange> {
  const { method, headers, signal } = request;
  const { contentHeadersTimeoutMs, contentIdleTimeoutMs } = context.limits;
  const response = await client.open({
    url,
    method,
    headers,
    authorization,
    signal,
    headersTimeoutMs: contentHeadersTimeoutMs,
    bodyTimeoutMs: contentIdleTimeoutMs,
  });
  return { response, url, authorization, isStorage: false, hops: 0 };
}

/** Bytes that are read so that the connection can be reused; a larger rest closes it. */
const maxDiscardedBytes = 64 * 1024;

/** Discards a response whose body is not needed. */
export function discard({ body }: StreamResponse): void {
  let left = maxDiscardedBytes;
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) body.destroy();
  });
}

/** What all pulls share. */
export interface PullContext extends SessionContext {
  readonly mutex: KeyedMutex;
}

/** An upstream with hundreds of open connections is overloaded; further requests wait for a free one. */
const maxConnectionsPerOrigin = 256;

/** Creates the context. Opens no connection yet. @throws Error for a setting that cannot be read. */
export function createPullContext(settings: NetworkSettings, closing: AbortSignal): PullContext {
  const limits = { ...defaultLimits, ...settings.limits };
  const egress = createEgressPolicy({
    loopbackAllowed: settings.loopbackAllowed,
    allow: settings.egressAllow,
    deny: settings.egressDeny,
  });
  const agents = createAgents({
    egress,
    secureContext: createTrust(settings.extraCa),
    limits,
    lookup: settings.lookup,
    maxConnectionsPerOrigin,
  });
  return { agents, limits, settings, mutex: createKeyedMutex(settings.now), closing };
}

/**
 * Opens a session with the registry of a pull. It does not end with the client of the pull, because other pulls wait for the same response.
 * @param credential What the upstream may have been sent.
 */
export function openPullSession(
  context: PullContext,
  source: PullSource,
  credential: Credential | undefined,
): RegistrySession {
  return openSession(context, targetOf(source), {
    credential,
    isAnonymous: source.registry === null,
    steps: undefined,
  });
}

function targetOf({ host, registry }: PullSource): CheckTarget {
  return (
    registry ?? {
      host,
      repository: null,
      type: 'DOCKER_V2',
      secureConnection: true,
      trustedRealm: null,
      probeRepository: null,
    }
  );
}
