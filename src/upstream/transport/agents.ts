// The connection pools to upstreams: one for each TLS policy, so that an unverified connection never carries a request that wants a verified one.

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
  /** Default: as many as there are requests at once. */
  readonly maxConnectionsPerOrigin?: number | undefined;
  /** Default: the system's name service. */
  readonly lookup?: Lookup | undefined;
  readonly onPhase?: ((phase: ConnectionPhase, origin: string) => void) | undefined;
}

export interface Agents {
  readonly verified: Dispatcher;
  readonly unverified: Dispatcher;
  /** Takes back a piece of a body that nobody reads any more, since others are read into its memory. */
  readonly giveBack: (piece: Buffer) => void;
  /** Ends every connection, those being made included. */
  close(): Promise<void>;
}

/** Makes both pools. */
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
