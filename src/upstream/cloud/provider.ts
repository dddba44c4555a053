// Defines the port of cloud providers, and checks every issued login: it must be usable and not about to expire.

import type { Registry, RegistryType } from '../../core/registry/registry.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import { type HttpsClient, type HttpsRequest, type HttpsResponse } from '../transport/https-client.ts';
import { CloudFailure, unreachable, unusable } from './failure.ts';

/** A minted login, and the message that a validation shows for it. */
export interface Minting extends MintedCredential {
  readonly message: string;
}

/** The port of one cloud. */
export interface CloudProvider {
  /**
   * Issues a login for a host from the stored identity.
   * @throws CloudFailure if the cloud, the network, or the stored identity fails; the signal's reason if it was aborted.
   */
  issueLogin(host: string, credential: Credential, signal: AbortSignal): Promise<Minting>;
}

/**
 * Sends one request to a cloud. Returns any status except a redirect.
 * @param provider the name of the cloud service, for messages.
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

/** Minimum remaining lifetime of an issued login in milliseconds. A shorter one could expire on its way to the registry; an expired one means a wrong clock or a hostile response. */
const minLifeMs = 30_000;

/** A secret that can be sent in a header (RFC 9110 §5.5), within Node's limit of 16 KiB for all headers. */
const sendable = /^[\x21-\x7e]{1,12288}$/;

/**
 * Builds an issued login after checking its parts.
 * @param maxLifeMs the longest lifetime that the provider issues; a later expiry is cut to it.
 * @throws CloudFailure if a part is unusable or the login is about to expire.
 */
export function checkedMinting(
  provider: string,
  minted: { readonly username: string; readonly secret: string; readonly expiresMs: number },
  nowMs: number,
  maxLifeMs: number,
): MintedCredential {
  const { username, secret, expiresMs } = minted;
  if (!sendable.test(secret)) throw unusable(provider, 'it is not a token');
  if (!Number.isFinite(expiresMs)) throw unusable(provider, 'it has no expiry time');
  if (expiresMs < nowMs + minLifeMs) {
    throw new CloudFailure(`${provider} issued a login that has expired or is about to expire.`, {
      advice: [{ kind: 'CORRECT_CLOCK' }, { kind: 'CHECK_SESSION' }],
      retryable: true,
    });
  }
  return { username, secret: new Secret(secret), expiresAt: new Date(Math.min(expiresMs, nowMs + maxLifeMs)) };
}

/** Returns the message of the validation step that issued a login. */
export function issued(provider: string, { expiresAt }: MintedCredential): string {
  return `${provider} issued a login for the stored identity, valid until ${expiresAt.toISOString()}.`;
}

/** A short-lived login that a cloud issued for a stored identity. */
export interface MintedCredential {
  readonly username: string;
  readonly secret: Secret;
  readonly expiresAt: Date;
  /** Whether it is the stored identity itself, which no cloud issued. Defaults to false. */
  readonly isStored?: boolean;
}

/** Exchanges the stored identity of a cloud registry for a login that the registry accepts. Credentials of the type `DOCKER_V2` are returned unchanged. */
export interface CloudCredentials {
  /**
   * Issues a new login without the cache.
   * @throws LoginNotIssued; the signal's reason if it was aborted.
   */
  issueLogin(
    target: Pick<CheckTarget, 'host' | 'type'>,
    credential: Credential,
    signal: AbortSignal | undefined,
  ): Promise<MintedCredential>;
  /**
   * Returns the login for one use, from the cache while it is valid.
   * @param open opens the stored identity; called only if a login must be issued. Its errors are rethrown.
   * @throws like `issueLogin`.
   */
  resolveCredential(
    registry: Pick<Registry, 'id' | 'version' | 'host' | 'type'>,
    open: () => Promise<Credential>,
    signal?: AbortSignal,
  ): Promise<Credential>;
}

/** The registry types whose login a cloud issues. */
export type CloudType = Exclude<RegistryType, 'DOCKER_V2'>;

/** Issues a login for one target within a time limit. @throws CloudFailure; the signal's reason if it was aborted. */
export type IssueLogin = (
  target: { readonly host: string; readonly type: CloudType },
  credential: Credential,
  signal: AbortSignal | undefined,
) => Promise<Minting>;
