// Defines CloudFailure, the one error of clouds: no login was issued for the stored identity. Names the provider's own code and what to do.

import { HttpsError } from '../transport/https-client.ts';

interface CloudFailureDetails {
  /** The advice for the owner of the stored identity. */
  readonly hint: string;
  /** Whether the same call can succeed later. Defaults to false. */
  readonly retryable?: boolean;
}

/** Has no cause, because the errors of cloud libraries contain requests, and requests contain secrets. */
export class CloudFailure extends Error {
  override readonly name = 'CloudFailure';
  readonly hint: string;
  readonly retryable: boolean;

  constructor(message: string, { hint, retryable = false }: CloudFailureDetails) {
    super(message);
    this.hint = hint;
    this.retryable = retryable;
  }
}

/** The advice for one error code of a provider. */
export interface Advice {
  readonly hint: string;
  readonly retryable?: boolean;
}

/** Maximum length of a code that is shown. Real codes are shorter, and tokens are longer. */
const maxCodeLength = 64;

/**
 * Returns a provider's error code, or undefined if it is not a plain word or is part of a secret, because a hostile
 * provider could send back what it received.
 * @param secrets every secret that the request contained.
 */
export function shownCode(code: unknown, secrets: readonly string[]): string | undefined {
  if (typeof code !== 'string' || code.length > maxCodeLength || !/^[A-Za-z][A-Za-z0-9_]*$/.test(code))
    return undefined;
  const seen = code.toLowerCase();
  const isEcho = secrets
    .map((secret) => secret.toLowerCase())
    .some((secret) => secret !== '' && (secret.includes(seen) || seen.includes(secret)));
  return isEcho ? undefined : code;
}

/** Describes a registry whose host does not belong to the cloud of its type; nothing was sent. */
export function unfitHost(provider: string, hosts: string): CloudFailure {
  return new CloudFailure(`The host is not a registry of ${provider}, so no login was issued and nothing was sent.`, {
    hint: `Hosts of this type look like ${hosts}. Use the type DOCKER_V2 for other registries.`,
  });
}

/** Describes a registry that is set to use the server's own identity, which the settings do not allow. */
export function ambientIsOff(setting: string): CloudFailure {
  return new CloudFailure("This registry is set to use the server's own cloud identity, which is turned off.", {
    hint: `To allow it, set ${setting}=true. Then everyone who can create registries can use that identity.`,
  });
}

/** Describes a response that cannot be used. */
export function unusable(provider: string, reason: string): CloudFailure {
  return new CloudFailure(`${provider} issued no usable login (${reason}).`, {
    hint: 'Try again later. If the failure persists, check whether a proxy responds instead of the cloud.',
    retryable: true,
  });
}

/** Describes a request that got no usable response. Returns undefined for any other error. */
export function unreachable(provider: string, host: string, error: unknown): CloudFailure | undefined {
  if (!(error instanceof HttpsError)) return undefined;
  if (error.kind === 'TOO_LARGE') return unusable(provider, 'its response is larger than a token can be');
  const reason = error.kind === 'INSECURE' ? 'its address has no TLS' : (error.code ?? 'no response');
  return new CloudFailure(`${provider} could not be reached: ${host} did not respond (${reason}).`, {
    hint: 'Check that the network lets this server reach that host, and that the region in the name of the registry exists.',
    retryable: true,
  });
}
