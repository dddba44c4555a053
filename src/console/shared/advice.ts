// Words advice in the terms of the console: the labels of its form.

import { type Advice, adviceFromFields } from '../../core/registry/advice.ts';
import { type AdviceWords, wordSentAdvice } from '../../core/registry/advice-words.ts';
import type { ReportFragment } from '../api/operations.ts';
import { typeLabels } from './words.ts';

const consoleWords: AdviceWords = {
  CHECK_CREDENTIAL: () => 'Check both, and whether the token has expired or was revoked.',
  REMOVE_USERNAME_SPACE: () =>
    'The username begins or ends with white space. Remove it if it is not part of the username.',
  REMOVE_PASSWORD_SPACE: () =>
    'The password begins or ends with white space, such as the line end of a file. Remove it if it is not part of the password.',
  GRANT_PULL: ({ repository }) =>
    `Grant the user or token pull access${repository === null ? '' : ` to ${repository}`}, or enter another username and password.`,
  PROBE_PRIVATE_REPOSITORY: ({ repository }) =>
    `To verify the password, enter a private repository${repository === null ? '' : ` that ${repository} covers`} as the Test repository.`,
  TRUST_REALM: ({ host }) => `If ${host} is the token server of this registry, enter it as the Trusted token server.`,
  ALLOW_UNVERIFIED_TLS: () => 'To accept any certificate of this registry, turn on Allow Self Signed.',
  KEEP_UNVERIFIED_TLS: () => 'Leave Allow Self Signed on: the registry was stored so.',
  ALLOW_PLAIN_HTTP: () => 'To use plain HTTP for this host, turn on Allow Self Signed.',
  PERMIT_AND_ALLOW_PLAIN_HTTP: ({ host }) =>
    `To use plain HTTP, ask who runs Regway to add ${host} to REGWAY_PLAIN_HTTP_HOSTS and restart it, then turn on Allow Self Signed.`,
  USE_TYPE: ({ type }) => `For other registries and static logins, choose the type ${typeLabels[type]}.`,
  VALIDATE: () => 'Choose Validate now to check the credential.',
  // The time is shown next to it, in words.
  WAIT: () => 'Wait until the limit resets.',
  CORRECT_CREDENTIAL_AND_WAIT: () =>
    'Correct the username or password, and wait for the block to expire before you try again.',
};

/** Returns the advice of a report, without kinds that only a newer server knows. */
export function knownAdvice({ advice }: Pick<ReportFragment, 'advice'>): Advice[] {
  return advice.map(adviceFromFields).filter((known) => known !== undefined);
}

/** Returns the hint of a report in the labels of the form; null if there is nothing to do. */
export function hintOf(report: Pick<ReportFragment, 'advice' | 'hint'>): string | null {
  return wordSentAdvice(consoleWords, report);
}
