// Creates the connections to upstreams, separately for each TLS policy and reach, so that no connection carries a request that may not use it.

import { lookup as systemLookup } from 'node:dns/promises';
import type { SecureContext } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { createBufferPool, type BufferPool } from './memory/buffer-pool.ts';
import { type ConnectionPhase, createConnector, type Lookup } from './connector.ts';
import type { EgressPolicy } from './addresses/egress.ts';
import { createAddressGuard, type IsOwn, type Reach } from './addresses/guard.ts';
import type { Limits, UpstreamObserver } from './settings.ts';

export interface AgentSettings {
  readonly egress: EgressPolicy;
  /** Defaults to nothing. */
  readonly isOwn?: IsOwn | undefined;
  readonly secureContext: SecureContext;
  readonly limits: Limits;
  readonly observer?: Pick<UpstreamObserver, 'observeUpstreamRequest'> | undefined;
  /** Maximum number of connections to one origin. Defaults to one per concurrent request. */
  readonly maxConnectionsPerOrigin?: number | undefined;
  /** Defaults to the system's DNS resolver. */
  readonly lookup?: Lookup | undefined;
  readonly onPhase?: ((phase: ConnectionPhase, origin: string) => void) | undefined;
}

/** The connections of one TLS policy and reach. */
export interface Connections {
  /** Reuses connections. */
  readonly pooled: Dispatcher;
  /** Opens a new connection for each request, and closes it after the response. */
  readonly fresh: Dispatcher;
}

export type RedirectReach = Exclude<Reach, 'ANY'>;

export interface Agents {
  readonly verified: Connections;
  readonly unverified: Connections;
  /** Returns verified connections to hosts that only a redirect names. */
  readonly redirected: (reach: RedirectReach) => Connections;
  /** The memory that bodies are read into. Release each piece once it is no longer read. */
  readonly bufferPool: BufferPool;
  readonly observer: AgentSettings['observer'];
  /** Closes every connection, including those being made. */
  close(): Promise<void>;
}

/** Creates the pools. Opens no connection yet. */
export function createAgents(settings: AgentSettings): Agents {
  const closing = new AbortController();
  const bufferPool = createBufferPool();
  const connectionsOf = (verifyCertificate: boolean, reach: Reach): Connections => ({
    pooled: createAgent(settings, bufferPool, { verifyCertificate, reach, pipelining: 1 }, closing.signal),
    fresh: createAgent(settings, bufferPool, { verifyCertificate, reach, pipelining: 0 }, closing.signal),
  });
  const verified = connectionsOf(true, 'ANY');
  const unverified = connectionsOf(false, 'ANY');
  // On demand, because a validation follows no redirect to another host.
  const byReach = new Map<RedirectReach, Connections>();
  const redirected = (reach: RedirectReach): Connections => {
    const known = byReach.get(reach) ?? connectionsOf(true, reach);
    byReach.set(reach, known);
    return known;
  };
  return {
    verified,
    unverified,
    redirected,
    bufferPool,
    observer: settings.observer,
    async close() {
      closing.abort();
      const all = [verified, unverified, ...byReach.values()].flatMap(({ pooled, fresh }) => [pooled, fresh]);
      await Promise.all(all.map((agent) => agent.destroy()));
    },
  };
}

interface AgentKind {
  readonly verifyCertificate: boolean;
  readonly reach: Reach;
  /** Maximum number of unanswered requests on a connection; 0 uses each connection once. */
  readonly pipelining: 0 | 1;
}

function createAgent(
  settings: AgentSettings,
  bufferPool: BufferPool,
  { verifyCertificate, reach, pipelining }: AgentKind,
  signal: AbortSignal,
): Agent {
  const { egress, secureContext, limits } = settings;
  return new Agent({
    allowH2: false,
    pipelining,
    connections: settings.maxConnectionsPerOrigin ?? null,
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.bodyTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connect: createConnector({
      guard: createAddressGuard({ egress, isOwn: settings.isOwn }, reach),
      lookup: settings.lookup ?? ((hostname) => systemLookup(hostname, { all: true })),
      connectTimeoutMs: limits.connectTimeoutMs,
      secureContext,
      bufferPool,
      verifyCertificate,
      signal,
      onPhase: settings.onPhase ?? (() => undefined),
    }),
  });
}
