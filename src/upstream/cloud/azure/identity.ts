// Parses the identities that can be stored for Azure: a service principal with or without its tenant, or the server's managed identity.

import type { Credential } from '../../../core/validation/validator.ts';
import { ambientIsOff, CloudFailure } from '../failure.ts';

export type AcrIdentity =
  | { readonly kind: 'principal'; readonly tenant: string; readonly clientId: string; readonly clientSecret: string }
  /** Goes to the registry as it is. */
  | { readonly kind: 'static' }
  /** @property clientId Of a user-assigned identity; undefined for the one that the system assigned. */
  | { readonly kind: 'managed'; readonly clientId: string | undefined };

/** User name that stands for the server's managed identity; as the password it stands for the system-assigned one. */
const ambientWord = 'azureauto';

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A tenant is an id or a domain. It becomes one segment of a path. */
const tenantPattern = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4})$/i;

/**
 * Reads the stored user name and password: `<tenant>/<app id>` or `<app id>` with the secret; `azureauto` with `azureauto` or a client id.
 * @throws CloudFailure
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
  throw unreadable(
    'the user name is no service principal',
    'Use <tenant>/<app id> with the secret of the service principal, <app id> alone, or azureauto. The admin user of a registry belongs to the type DOCKER_V2.',
  );
}

function parseManaged(text: string): string | undefined {
  if (text === ambientWord) return undefined;
  if (idPattern.test(text)) return text;
  throw unreadable(
    'the password of azureauto is neither azureauto nor a client id',
    'Give azureauto for the system-assigned identity, or the client id of a user-assigned one.',
  );
}

function unreadable(reason: string, hint: string): CloudFailure {
  return new CloudFailure(`The stored identity for Azure cannot be used: ${reason}. Nothing was sent.`, { hint });
}
