// What every step of one conversation with a registry shares, and the request that most of them send.

import type { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import type { UpstreamResponse, UpstreamClient } from '../transport/client.ts';
import type { Limits } from '../transport/settings.ts';
import type { Steps } from '../validation/steps.ts';
import type { SafeText } from './redact.ts';

/** A conversation with one registry, before any credential is needed. */
export interface RegistrySession {
  readonly target: CheckTarget;
  /** Whether no credential exists for it, so that none can reach a place where it does not belong. */
  readonly isAnonymous?: boolean;
  readonly client: UpstreamClient;
  readonly limits: Limits;
  readonly plainHttpHosts: readonly string[];
  readonly trail: Steps;
  readonly safeText: SafeText;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Filled in as the check goes on. */
  readonly observed: { realmHost: string | null };
}

/** The conversation that judges a credential. */
export interface CheckSession extends RegistrySession {
  readonly credential: Credential;
}

/** Sends one GET to the registry; of the body only an error's text matters. */
export function getFromRegistry(
  { client, limits, signal }: Pick<RegistrySession, 'client' | 'limits' | 'signal'>,
  url: URL,
  authorization?: Secret,
): Promise<UpstreamResponse> {
  return client.get({ url, authorization, maxBodyBytes: limits.maxErrorBodyBytes, signal });
}
