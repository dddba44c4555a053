// Words advice in the terms of GraphQL: its arguments, input fields, and enum values.

import type { AdviceWords } from '../../core/registry/advice-words.ts';

/** Follows advice on a change of the login of a registry whose TLS verification is off, because an update turns it on by default. */
function tlsOff({ keepsTlsOff }: { readonly keepsTlsOff?: true }): string {
  return keepsTlsOff === true ? ' In the same call, pass secureConnection: false to keep TLS verification off.' : '';
}

/** Follows advice that sends a password over another channel or to another host, which an update accepts only with the password. */
const passwordToo = 'updateRegistry requires the password in the same call.';

/** The sentences of GraphQL. */
export const graphqlWords: AdviceWords = {
  CHECK_CREDENTIAL: (advice) =>
    `Check username and password, and whether the token has expired or was revoked.${tlsOff(advice)}`,
  REMOVE_USERNAME_SPACE: (advice) =>
    `username begins or ends with white space. Pass it without the space if it is not part of the username; ${passwordToo}${tlsOff(advice)}`,
  REMOVE_PASSWORD_SPACE: (advice) =>
    `password begins or ends with white space, such as the line end of a file. Pass it without the space if it is not part of the password.${tlsOff(advice)}`,
  GRANT_PULL: ({ repository, ...advice }) =>
    `Grant the user or token pull access${repository === null ? '' : ` to ${repository}`}, or pass another username and password.${tlsOff(advice)}`,
  PROBE_PRIVATE_REPOSITORY: ({ repository, ...advice }) =>
    `To verify the password, pass a private repository${repository === null ? '' : ` that ${repository} covers`} as probeRepository.${tlsOff(advice)}`,
  TRUST_REALM: ({ host, ...advice }) =>
    `If ${host} is the token server of this registry, pass trustedRealm: "${host}"; ${passwordToo}${tlsOff(advice)}`,
  ALLOW_UNVERIFIED_TLS: () =>
    `To accept any certificate of this registry, pass secureConnection: false; ${passwordToo}`,
  KEEP_UNVERIFIED_TLS: () =>
    'This registry was stored without TLS verification, and an update turns it on by default: pass secureConnection: false to keep it off.',
  ALLOW_PLAIN_HTTP: () => `To use plain HTTP for this host, pass secureConnection: false; ${passwordToo}`,
  PERMIT_AND_ALLOW_PLAIN_HTTP: ({ host }) =>
    `To use plain HTTP, add ${host} to REGWAY_PLAIN_HTTP_HOSTS and restart Regway, then pass secureConnection: false; ${passwordToo}`,
  USE_TYPE: ({ type, ...advice }) =>
    `For other registries and static logins, pass type: ${type}; ${passwordToo}${tlsOff(advice)}`,
  VALIDATE: () => 'Call validateRegistry to check the credential.',
};
