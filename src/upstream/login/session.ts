// Opens a conversation with one registry, the same for validations, token requests, and pulls, and sends the request that most of its steps use.
// The start of `upstream/`, the shared V2 validation module: `validation/` and `pull/` run every conversation through here, over `transport/`.

import type { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import type { Agents } from '../transport/agents.ts';
import {
  clientOver,
  firstHeader,
  type UpstreamClient,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../transport/client.ts';
import type { Limits, NetworkSettings } from '../transport/settings.ts';
import { endpointOf } from './endpoint.ts';
import { createRedactor, type Redactor } from './redact.ts';
import type { Steps } from './steps.ts';

/** The dependencies that the sessions of a validator, or of all pulls, share. */
export interface SessionContext {
  readonly agents: Agents;
  readonly limits: Limits;
  readonly settings: NetworkSettings;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
}

export interface SessionOptions<Known extends Credential | undefined, Trail extends Steps | undefined> {
  /** The credential that the registry may have been sent, so that no text of the registry that contains it is shown. */
  readonly credential: Known;
  /** Whether no credential exists for the registry. Defaults to false. */
  readonly isAnonymous?: boolean;
  /** Where the steps are recorded; undefined records none. */
  readonly steps: Trail;
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
  /** The steps of a validation; undefined for a pull, which has none. */
  readonly steps: Steps | undefined;
  readonly redact: Redactor;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Set once the registry has named its token server. */
  readonly observed: { realmHost: string | null };
}

/** The conversation that validates a credential. */
export interface CheckSession extends RegistrySession {
  readonly steps: Steps;
  readonly credential: Credential;
}

/**
 * Opens a session; sends nothing. It ends after `limits.checkTimeoutMs`, with `signal`, or when the server stops.
 * @throws Problem `INVALID_REGISTRY` for a host that is not canonical.
 */
export function openSession<Known extends Credential | undefined, Trail extends Steps | undefined>(
  { agents, limits, settings, closing }: SessionContext,
  target: CheckTarget,
  { credential, isAnonymous = false, steps, signal }: SessionOptions<Known, Trail>,
): RegistrySession & { readonly credential: Known; readonly steps: Trail } {
  const ends = [closing, AbortSignal.timeout(limits.checkTimeoutMs)];
  return {
    target,
    credential,
    isAnonymous,
    client: registryClient({ agents, settings }, target),
    limits,
    plainHttpHosts: settings.plainHttpHosts,
    steps,
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
  return getWithinOrigin(client, { url, authorization, maxBodyBytes: limits.maxErrorBodyBytes, signal });
}

/** Registries and token servers redirect once within their origin; a proxy in front of them once more. */
const maxHops = 3;

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Sends one GET and follows its redirects within the origin, with the same authorization. Returns a redirect to another origin as it is,
 * because a credential never follows one.
 * @throws as `UpstreamClient.get`
 */
export async function getWithinOrigin(client: UpstreamClient, request: UpstreamRequest): Promise<UpstreamResponse> {
  let { url } = request;
  let response = await client.get(request);
  for (let hop = 0; hop < maxHops && redirects.has(response.status); hop += 1) {
    const target = redirectWithin(url, firstHeader(response, 'location'));
    if (target === undefined) return response;
    url = target;
    response = await client.get({ ...request, url });
  }
  return response;
}

/** Returns the target of a redirect that stays in the origin of `url` (RFC 9110 §10.2.2), or undefined. */
export function redirectWithin(url: URL, location: string | undefined): URL | undefined {
  const target = location === undefined ? null : URL.parse(location, url);
  if (target === null || target.origin !== url.origin || target.username !== '' || target.password !== '')
    return undefined;
  target.hash = '';
  return target;
}
