// Defines CloudFailure, the one error of clouds: no login was issued for the stored identity. Names the provider's own code and what to do.

import { HttpsError } from '../transport/https-client.ts';

interface CloudFailureDetails {
  /** What the reader can do. */
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

/** What to do about one code of a provider. */
export interface Advice {
  readonly hint: string;
  readonly retryable?: boolean;
}

/** A code is shown when it is a plain word of this length at most: longer ones do not exist, and tokens are longer. */
const maxCodeLength = 64;

/**
 * A provider's error code, or undefined when it is none, or when it is a piece of what the provider was sent: a hostile one sends that back.
 * @param secrets Everything secret that the request held.
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

/** A record type that its host does not fit; nothing was sent. */
export function unfitHost(provider: string, hosts: string): CloudFailure {
  return new CloudFailure(`The host is no registry of ${provider}, so nothing was minted or sent.`, {
    hint: `Hosts of this type look like ${hosts}. Use the type DOCKER_V2 for other registries.`,
  });
}

/** A stored identity that this server was told not to use. */
export function ambientIsOff(setting: string): CloudFailure {
  return new CloudFailure("This registry is set to use the server's own cloud identity, which is turned off.", {
    hint: `To allow it, set ${setting}=true. Then everyone who can create registries can use that identity.`,
  });
}

/** The answer came and cannot be used. */
export function unusable(provider: string, reason: string): CloudFailure {
  return new CloudFailure(`${provider} gave no usable login (${reason}).`, {
    hint: 'Check again later; if it stays, see whether a proxy answers in place of the cloud.',
    retryable: true,
  });
}

/** Words a request that got no usable response; undefined for any other error. */
export function unreachable(provider: string, host: string, error: unknown): CloudFailure | undefined {
  if (!(error instanceof HttpsError)) return undefined;
  if (error.kind === 'TOO_LARGE') return unusable(provider, 'it sent more than a token can be');
  const reason = error.kind === 'INSECURE' ? 'its address has no TLS' : (error.code ?? 'no answer');
  return new CloudFailure(`${provider} could not be asked: ${host} did not answer (${reason}).`, {
    hint: 'Check that this server may reach that host, and that the region in the name of the registry exists.',
    retryable: true,
  });
}
