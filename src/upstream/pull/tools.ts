// What pulls share: connections, policies and the start of a conversation with a registry.

import type { Credential, PullSource } from '../../core/ports.ts';
import { createAgents, createTrust } from '../transport/agents.ts';
import type { Agents } from '../transport/agents.ts';
import { clientOver } from '../transport/client.ts';
import type { UpstreamClient } from '../transport/client.ts';
import { createEgressPolicy } from '../transport/egress.ts';
import { endpointOf } from '../login/endpoint.ts';
import { defaultLimits } from '../transport/limits.ts';
import type { Limits } from '../transport/limits.ts';
import type { NetworkSettings } from '../transport/settings.ts';
import type { Conversation } from '../login/session.ts';
import { createSafeText } from '../login/redact.ts';
import type { Trail } from '../validation/steps.ts';
import { createTurns } from './keyed-mutex.ts';
import type { Turns } from './keyed-mutex.ts';

export interface PullTools {
  readonly agents: Agents;
  readonly limits: Limits;
  readonly settings: NetworkSettings;
  readonly turns: Turns;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
}

/** One upstream with hundreds of open connections has a problem of its own; more requests wait for a free one. */
const maxConnectionsPerOrigin = 256;

/** Opens nothing yet. @throws Error for a setting that cannot be read. */
export function createPullTools(settings: NetworkSettings, closing: AbortSignal): PullTools {
  const limits = { ...defaultLimits, ...settings.limits };
  const egress = createEgressPolicy({ loopbackAllowed: settings.loopbackAllowed, allow: settings.egressAllow, deny: settings.egressDeny });
  const agents = createAgents({ egress, secureContext: createTrust(settings.extraCa), limits, lookup: settings.lookup, maxConnectionsPerOrigin });
  return { agents, limits, settings, turns: createTurns(settings.now), closing };
}

/** A client that verifies certificates, save that of a registry whose record has that turned off: never those of its token server or storage. */
export function clientFor({ agents, settings }: PullTools, { host, registry }: PullSource): UpstreamClient {
  const unverifiedOrigin = registry === null || registry.secureConnection ? undefined : endpointOf(host).origin;
  return clientOver(agents, { userAgent: settings.userAgent ?? 'regway', unverifiedOrigin });
}

/** @param credential What the upstream may have been sent, so that no text of it that holds that is shown. */
export function converse(tools: PullTools, source: PullSource, credential: Credential | undefined): Conversation {
  const { limits, settings, closing } = tools;
  return {
    target: source.registry ?? { host: source.host, repository: null, type: 'DOCKER_V2', secureConnection: true, trustedRealm: null, probeRepository: null },
    isAnonymous: source.registry === null,
    client: clientFor(tools, source),
    limits,
    plainHttpHosts: settings.plainHttpHosts,
    trail: silentTrail,
    safeText: createSafeText(credential),
    // Not the caller's: others wait for the same answer.
    signal: AbortSignal.any([closing, AbortSignal.timeout(limits.checkTimeoutMs)]),
    now: settings.now,
    observed: { realmHost: null },
  };
}

/** Nobody watches the steps of a pull. */
const silentTrail: Trail = { steps: [], enter: () => undefined, end: () => undefined, current: () => undefined };
