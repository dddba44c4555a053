// Words advice in the terms of REST: its keys and parameters. Two settings exist only in GraphQL, on the command line, and in the console.

import type { AdviceWords } from '../../core/registry/advice-words.ts';

/** The flag that an update on the command line needs where TLS verification is off, because it turns it on by default. REST keeps it as it is. */
function tlsOff({ keepsTlsOff }: { readonly keepsTlsOff?: true }): string {
  return keepsTlsOff === true ? ' and --secure-connection=false' : '';
}

const passwordToo = 'an update requires registry_pass in the same request.';

/** The sentences of REST. */
export const restWords: AdviceWords = {
  CHECK_CREDENTIAL: () => 'Check registry_user and registry_pass, and whether the token has expired or was revoked.',
  REMOVE_USERNAME_SPACE: () =>
    `registry_user begins or ends with white space. Send it without the space if it is not part of the username; ${passwordToo}`,
  REMOVE_PASSWORD_SPACE: () =>
    'registry_pass begins or ends with white space, such as the line end of a file. Send it without the space if it is not part of the password.',
  GRANT_PULL: ({ repository }) =>
    `Grant the user or token pull access${repository === null ? '' : ` to ${repository}`}, or send another registry_user and registry_pass.`,
  PROBE_PRIVATE_REPOSITORY: ({ repository, ...advice }) =>
    `To verify the password, name a private repository${repository === null ? '' : ` that ${repository} covers`}: this setting has no REST key, so run "regway registry update" with --probe-repository${tlsOff(advice)}.`,
  TRUST_REALM: ({ host, ...advice }) =>
    `If ${host} is the token server of this registry, trust it: this setting has no REST key, so run "regway registry add" (for a stored registry, update) with --trusted-realm=${host}${tlsOff(advice)}.`,
  ALLOW_UNVERIFIED_TLS: () =>
    `To accept any certificate of this registry, send "registry_verify": false; ${passwordToo}`,
  KEEP_UNVERIFIED_TLS: () =>
    'This registry was stored without TLS verification: send "registry_verify": false, or omit the key, to keep it off.',
  ALLOW_PLAIN_HTTP: () => `To use plain HTTP for this host, send "registry_verify": false; ${passwordToo}`,
  PERMIT_AND_ALLOW_PLAIN_HTTP: ({ host }) =>
    `To use plain HTTP, add ${host} to REGWAY_PLAIN_HTTP_HOSTS and restart Regway, then send "registry_verify": false; ${passwordToo}`,
  USE_TYPE: ({ type }) =>
    `For other registries and static logins, send "registry_type": "${type.toLowerCase()}"; ${passwordToo}`,
  VALIDATE: () => 'Send registry_pass again, without validate=false, to check the credential.',
};
