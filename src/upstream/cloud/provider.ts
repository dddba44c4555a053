// Defines the port of cloud providers, and checks every login that one issues: it must be usable and not about to expire.

import type { Registry, RegistryType } from '../../core/registry/registry.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import { type HttpsClient, type HttpsRequest, type HttpsResponse } from '../transport/https-client.ts';
import { CloudFailure, unreachable, unusable } from './failure.ts';

/** A minted login, and the sentence about it that a validation shows. */
export interface Minting extends MintedCredential {
  readonly message: string;
}

export interface CloudProvider {
  /**
   * @throws CloudFailure for what the cloud, the way to it or the stored identity does; the signal's reason when it was aborted.
   */
  issueLogin(host: string, credential: Credential, signal: AbortSignal): Promise<Minting>;
}

/**
 * Sends one request to a cloud. Any status but a redirect is returned.
 * @param provider Who is asked, for the words of a failure.
 * @throws CloudFailure for a redirect, a response that is too large, or none; the signal's reason if it was aborted.
 */
export async function sendToCloud(http: HttpsClient, provider: string, request: HttpsRequest): Promise<HttpsResponse> {
  const response = await http.send(request).catch((error: unknown) => {
    throw unreachable(provider, request.url.host, error) ?? error;
  });
  const { status } = response;
  if (status >= 300 && status < 400) throw unusable(provider, `HTTP ${status}, a redirect, which is not followed`);
  return response;
}

/** A login that ends sooner could die on its way to the registry; one that has ended already shows a wrong clock or a hostile answer. */
const minLifeMs = 30_000;

/** What a registry can be sent in a header (RFC 9110 §5.5), within Node's limit of 16 KiB for all headers. */
const sendable = /^[\x21-\x7e]{1,12288}$/;

/**
 * Builds the minting once its parts are fit to be used.
 * @param maxLifeMs The longest life that the provider gives; a later end is not believed.
 * @throws CloudFailure
 */
export function checkedMinting(
  provider: string,
  minted: { readonly username: string; readonly secret: string; readonly expiresMs: number },
  nowMs: number,
  maxLifeMs: number,
): MintedCredential {
  const { username, secret, expiresMs } = minted;
  if (!sendable.test(secret)) throw unusable(provider, 'what it issued is no token');
  if (!Number.isFinite(expiresMs)) throw unusable(provider, 'it named no time at which the token ends');
  if (expiresMs < nowMs + minLifeMs) {
    throw new CloudFailure(`${provider} issued a login that has ended already, or is about to.`, {
      hint: 'Check the clock of this server, and how long the session behind the stored identity lasts.',
      retryable: true,
    });
  }
  return { username, secret: new Secret(secret), expiresAt: new Date(Math.min(expiresMs, nowMs + maxLifeMs)) };
}

/** The sentence of a validation step. */
export function issued(provider: string, { expiresAt }: MintedCredential): string {
  return `${provider} issued a login for the stored identity, good until ${expiresAt.toISOString()}.`;
}

/** A login that a cloud gave for a stored identity. */
export interface MintedCredential {
  readonly username: string;
  readonly secret: Secret;
  readonly expiresAt: Date;
}

/** Turns the identity that is stored for a cloud's registry into a login that the registry takes. `DOCKER_V2` passes through untouched. */
export interface CloudCredentials {
  /**
   * Mints anew, from no cache.
   * @throws Problem `UPSTREAM_FAILED` with the reason `NATIVE_CREDENTIAL_ERROR`; the signal's reason when it was aborted.
   */
  issueLogin(
    target: Pick<CheckTarget, 'host' | 'type'>,
    credential: Credential,
    signal: AbortSignal | undefined,
  ): Promise<MintedCredential>;
  /**
   * The login for one use, from the cache while it lives.
   * @param open Opens the stored identity; called only when something has to be minted. What it throws is thrown on.
   * @throws as `mint`
   */
  resolveCredential(
    registry: Pick<Registry, 'id' | 'version' | 'host' | 'type'>,
    open: () => Promise<Credential>,
    signal?: AbortSignal,
  ): Promise<Credential>;
}

export type CloudType = Exclude<RegistryType, 'DOCKER_V2'>;

/** Mints for one target, with an end in time. @throws CloudFailure; the signal's reason when it was aborted. */
export type IssueLogin = (
  target: { readonly host: string; readonly type: CloudType },
  credential: Credential,
  signal: AbortSignal | undefined,
) => Promise<Minting>;
