// Parses the identities that can be stored for Azure: a service principal with or without its tenant, or the server's managed identity.

import type { Advice } from '../../../core/registry/advice.ts';
import type { Credential } from '../../../core/validation/validator.ts';
import { ambientIsOff, CloudFailure } from '../failure.ts';

/** The stored identity for Azure. */
export type AcrIdentity =
  | { readonly kind: 'principal'; readonly tenant: string; readonly clientId: string; readonly clientSecret: string }
  /** Sent to the registry unchanged. */
  | { readonly kind: 'static' }
  /** `clientId` is the one of a user-assigned identity; undefined for the system-assigned one. */
  | { readonly kind: 'managed'; readonly clientId: string | undefined };

/** The username that represents the server's managed identity; as the password, the system-assigned one. */
const ambientWord = 'azureauto';

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A tenant, which is an ID or a domain. It becomes one segment of a path. */
const tenantPattern = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4})$/i;

/**
 * Parses the stored username and password: `<tenant>/<app id>` or `<app id>` with the secret; `azureauto` with `azureauto` or a client ID.
 * @throws CloudFailure if they are no usable identity.
 */
export function parseAcrIdentity({ username, password }: Credential, ambientAllowed: boolean): AcrIdentity {
  if (username === ambientWord) {
    if (!ambientAllowed) throw ambientIsOff('REGWAY_AZURE_AMBIENT');
    return { kind: 'managed', clientId: parseManaged(password.reveal()) };
  }
  const [first = '', second, ...others] = username.split('/');
  if (second === undefined && idPattern.test(first)) return { kind: 'static' };
  if (second !== undefined && others.length === 0 && tenantPattern.test(first) && idPattern.test(second)) {
    return { kind: 'principal', tenant: first, clientId: second, clientSecret: password.reveal() };
  }
  throw unreadable('the username is not a service principal', [
    { kind: 'USE_SERVICE_PRINCIPAL' },
    { kind: 'USE_TYPE', type: 'DOCKER_V2' },
  ]);
}

function parseManaged(text: string): string | undefined {
  if (text === ambientWord) return undefined;
  if (idPattern.test(text)) return text;
  throw unreadable('the password of azureauto is neither azureauto nor a client ID', [
    { kind: 'USE_MANAGED_IDENTITY' },
  ]);
}

function unreadable(reason: string, advice: readonly Advice[]): CloudFailure {
  return new CloudFailure(`The stored identity for Azure cannot be used: ${reason}. Nothing was sent.`, { advice });
}
