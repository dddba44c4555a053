// Creates the connection pools to upstreams: one for each TLS policy, so that an unverified connection never carries a request that requires a verified one.

import { lookup as systemLookup } from 'node:dns/promises';
import type { SecureContext } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { createBufferPool, type BufferPool } from './buffer-pool.ts';
import { type ConnectionPhase, createConnector, type Lookup } from './connector.ts';
import type { EgressPolicy } from './egress.ts';
import type { Limits } from './settings.ts';

export interface AgentSettings {
  readonly egress: EgressPolicy;
  readonly secureContext: SecureContext;
  readonly limits: Limits;
  /** Maximum number of connections to one origin. Defaults to one per concurrent request. */
  readonly maxConnectionsPerOrigin?: number | undefined;
  /** Defaults to the system's DNS resolver. */
  readonly lookup?: Lookup | undefined;
  readonly onPhase?: ((phase: ConnectionPhase, origin: string) => void) | undefined;
}

export interface Agents {
  readonly verified: Dispatcher;
  readonly unverified: Dispatcher;
  /** Returns the memory of a piece of a body for reuse, once the piece is no longer read. */
  readonly giveBack: (piece: Buffer) => void;
  /** Closes every connection, including those being made. */
  close(): Promise<void>;
}

/** Creates both pools. Opens no connection yet. */
export function createAgents(settings: AgentSettings): Agents {
  const closing = new AbortController();
  const bufferPool = createBufferPool();
  const verified = createAgent(settings, bufferPool, true, closing.signal);
  const unverified = createAgent(settings, bufferPool, false, closing.signal);
  return {
    verified,
    unverified,
    giveBack: bufferPool.giveBack,
    async close() {
      closing.abort();
      await Promise.all([verified.destroy(), unverified.destroy()]);
    },
  };
}

function createAgent(
  settings: AgentSettings,
  bufferPool: BufferPool,
  verifyCertificate: boolean,
  signal: AbortSignal,
): Agent {
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
      bufferPool,
      verifyCertificate,
      signal,
      onPhase: settings.onPhase ?? (() => undefined),
    }),
  });
}
