// Opens a conversation with one registry, the same for validations, token requests, and pulls, and sends the request that most of its steps use.
// The start of `upstream/`, the shared V2 validation module: `validation/` and `pull/` run every conversation through here, over `transport/`.

import type { ValidationStep } from '../../core/registry/report.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import type { Agents } from '../transport/agents.ts';
import { clientOver, type UpstreamClient, type UpstreamResponse } from '../transport/client.ts';
import type { Limits, NetworkSettings } from '../transport/settings.ts';
import { endpointOf } from './endpoint.ts';
import { createRedactor, type Redactor } from './redact.ts';
import { createSteps, type Steps } from './steps.ts';

/** What the sessions of a validator or of all pulls share. */
export interface SessionContext {
  readonly agents: Agents;
  readonly limits: Limits;
  readonly settings: NetworkSettings;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
}

export interface SessionOptions<Known extends Credential | undefined> {
  /** The credential that the registry may have been sent, so that no text of the registry that contains it is shown. */
  readonly credential: Known;
  /** Whether no credential exists for the registry. Defaults to false. */
  readonly isAnonymous?: boolean;
  /** Called as each step finishes; undefined reports to no one. */
  readonly onStep?: ((step: ValidationStep) => void) | undefined;
  /** Ends the session in addition to its own time limit and `closing`. */
  readonly signal?: AbortSignal | undefined;
}

/** A conversation with one registry, before any credential is needed. */
export interface RegistrySession {
  readonly target: CheckTarget;
  /** Whether no credential exists for it, so that none can reach a place where it does not belong. */
  readonly isAnonymous: boolean;
  readonly client: UpstreamClient;
  readonly limits: Limits;
  readonly plainHttpHosts: readonly string[];
  readonly steps: Steps;
  readonly redact: Redactor;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Set once the registry has named its token server. */
  readonly observed: { realmHost: string | null };
}

/** The conversation that validates a credential. */
export interface CheckSession extends RegistrySession {
  readonly credential: Credential;
}

/**
 * Opens a session; sends nothing. It ends after `limits.checkTimeoutMs`, with `signal`, or when the server stops.
 * @throws Problem `INVALID_REGISTRY` for a host that is not canonical.
 */
export function openSession<Known extends Credential | undefined>(
  { agents, limits, settings, closing }: SessionContext,
  target: CheckTarget,
  { credential, isAnonymous = false, onStep, signal }: SessionOptions<Known>,
): RegistrySession & { readonly credential: Known } {
  const ends = [closing, AbortSignal.timeout(limits.checkTimeoutMs)];
  return {
    target,
    credential,
    isAnonymous,
    client: registryClient({ agents, settings }, target),
    limits,
    plainHttpHosts: settings.plainHttpHosts,
    steps: createSteps(onStep),
    redact: createRedactor(credential),
    signal: AbortSignal.any(signal === undefined ? ends : [signal, ...ends]),
    now: settings.now,
    observed: { realmHost: null },
  };
}

/** Creates a client that verifies every certificate, except the registry's own if its record turns that off: never that of its token server or storage. */
export function registryClient(
  { agents, settings }: Pick<SessionContext, 'agents' | 'settings'>,
  { host, secureConnection }: Pick<CheckTarget, 'host' | 'secureConnection'>,
): UpstreamClient {
  const unverifiedOrigin = secureConnection ? undefined : endpointOf(host).origin;
  return clientOver(agents, { userAgent: settings.userAgent ?? 'regway', unverifiedOrigin });
}

/** Sends one GET to the registry. Reads at most `limits.maxErrorBodyBytes` of the body, because only an error's code matters. */
export function getFromRegistry(
  { client, limits, signal }: Pick<RegistrySession, 'client' | 'limits' | 'signal'>,
  url: URL,
  authorization?: Secret,
): Promise<UpstreamResponse> {
  return client.get({ url, authorization, maxBodyBytes: limits.maxErrorBodyBytes, signal });
}
