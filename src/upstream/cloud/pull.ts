// Pulls from the registries of clouds: their sources give a minted login, so that what pulls with it meets a registry like any other.

import type { CloudCredentials, PullSource } from '../../core/ports.ts';
import type { Pulls } from '../../core/pulls/pull.ts';

/** @param resolveCredential Mints, or takes what was minted, at the moment that something needs the credential. */
export function createCloudPulls(pulls: Pulls, resolveCredential: CloudCredentials['resolveCredential']): Pulls {
  return { ...pulls, source: async (caller, image) => withLogin(await pulls.source(caller, image), resolveCredential) };
}

function withLogin(source: PullSource, resolveCredential: CloudCredentials['resolveCredential']): PullSource {
  const { registry, credential } = source;
  if (registry === null || credential === null || registry.type === 'DOCKER_V2') return source;
  return { ...source, registry: { ...registry, type: 'DOCKER_V2' }, credential: () => resolveCredential(registry, credential) };
}
