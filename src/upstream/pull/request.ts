// One request of a pull while it is answered, and how it is sent to the registry or to the storage that it redirects to.

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
  /** Below `/v2/<repository>/`, with its query; made of parsed parts alone. */
  readonly path: string;
  /** Headers of the client that may go upstream. None of them is a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface PullExchange {
  readonly context: PullContext;
  readonly source: PullSource;
  readonly request: PullRequest;
  readonly client: UpstreamClient;
}

/** An answer and what it answers. */
export interface UpstreamExchange {
  readonly response: StreamResponse;
  readonly url: URL;
  readonly authorization: Secret | undefined;
}

/** Starts an exchange. It ends with the client's signal, or with the connections when the server stops. */
export function startExchange(context: PullContext, source: PullSource, request: PullRequest): PullExchange {
  return { context, source, request, client: registryClient(context, targetOf(source)) };
}

/** @throws UpstreamFailure */
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
  return { response, url, authorization };
}

/** A small rest is read, so that its connection can be used again; a big one costs its connection. */
const maxDiscardedBytes = 64 * 1024;

/** Gives up an answer whose body nobody reads. */
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

/** One upstream with hundreds of open connections has a problem of its own; more requests wait for a free one. */
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
  return openSession(context, targetOf(source), { credential, isAnonymous: source.registry === null });
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
