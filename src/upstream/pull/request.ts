// One request of a pull while it is answered, and how it is sent to the registry or to the storage that it redirects to.

import type { PullSource } from '../../core/pulls/pull.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { endpointOf } from '../login/endpoint.ts';
import { createRedactor } from '../login/redact.ts';
import type { RegistrySession } from '../login/session.ts';
import { type Agents, createAgents } from '../transport/agents.ts';
import { clientOver, type StreamResponse, type UpstreamClient } from '../transport/client.ts';
import { createEgressPolicy } from '../transport/egress.ts';
import { defaultLimits, type Limits, type NetworkSettings } from '../transport/settings.ts';
import { createTrust } from '../transport/trust.ts';
import type { Steps } from '../validation/steps.ts';
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
  readonly tools: PullContext;
  readonly source: PullSource;
  readonly request: PullRequest;
  readonly client: UpstreamClient;
}

/** An answer and what it answers. */
export interface UpstreamExchange {
  readonly answer: StreamResponse;
  readonly url: URL;
  readonly authorization: Secret | undefined;
}

/** Starts an exchange. It ends with the client's signal, or with the connections when the server stops. */
export function startExchange(tools: PullContext, source: PullSource, request: PullRequest): PullExchange {
  return { tools, source, request, client: clientFor(tools, source) };
}

/** @throws UpstreamFailure */
export async function send(
  { client, request, tools }: PullExchange,
  url: URL,
  authorization: Secret | undefined,
): Promise<UpstreamExchange> {
  const { method, headers, signal } = request;
  const { contentHeadersTimeoutMs, contentIdleTimeoutMs } = tools.limits;
  const answer = await client.open({
    url,
    method,
    headers,
    authorization,
    signal,
    headersTimeoutMs: contentHeadersTimeoutMs,
    bodyTimeoutMs: contentIdleTimeoutMs,
  });
  return { answer, url, authorization };
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

export interface PullContext {
  readonly agents: Agents;
  readonly limits: Limits;
  readonly settings: NetworkSettings;
  readonly turns: KeyedMutex;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
}

/** One upstream with hundreds of open connections has a problem of its own; more requests wait for a free one. */
const maxConnectionsPerOrigin = 256;

/** Opens nothing yet. @throws Error for a setting that cannot be read. */
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
  return { agents, limits, settings, turns: createKeyedMutex(settings.now), closing };
}

/** A client that verifies certificates, save that of a registry whose record has that turned off: never those of its token server or storage. */
export function clientFor({ agents, settings }: PullContext, { host, registry }: PullSource): UpstreamClient {
  const unverifiedOrigin = registry === null || registry.secureConnection ? undefined : endpointOf(host).origin;
  return clientOver(agents, { userAgent: settings.userAgent ?? 'regway', unverifiedOrigin });
}

/** @param credential What the upstream may have been sent, so that no text of it that holds that is shown. */
export function converse(tools: PullContext, source: PullSource, credential: Credential | undefined): RegistrySession {
  const { limits, settings, closing } = tools;
  return {
    target: source.registry ?? {
      host: source.host,
      repository: null,
      type: 'DOCKER_V2',
      secureConnection: true,
      trustedRealm: null,
      probeRepository: null,
    },
    isAnonymous: source.registry === null,
    client: clientFor(tools, source),
    limits,
    plainHttpHosts: settings.plainHttpHosts,
    trail: silentTrail,
    safeText: createRedactor(credential),
    // Not the caller's: others wait for the same answer.
    signal: AbortSignal.any([closing, AbortSignal.timeout(limits.checkTimeoutMs)]),
    now: settings.now,
    observed: { realmHost: null },
  };
}

/** Nobody watches the steps of a pull. */
const silentTrail: Steps = { steps: [], enter: () => undefined, end: () => undefined, current: () => undefined };
