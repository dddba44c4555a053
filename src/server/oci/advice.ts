// Words advice for who reads the error of a pull: one short sentence about the registry in Regway, which the one who pulls usually cannot change.

import { type AdviceWords, wordAdvice } from '../../core/registry/advice-words.ts';
import { AdvisedProblem } from '../../core/registry/report.ts';
import type { Problem } from '../../core/shared/problem.ts';

const ociWords: AdviceWords = {
  CHECK_CREDENTIAL: () => 'Update the registry in Regway with a working username and password.',
  REMOVE_USERNAME_SPACE: () =>
    'The stored username begins or ends with white space: update the registry in Regway without it.',
  REMOVE_PASSWORD_SPACE: () =>
    'The stored password begins or ends with white space: update the registry in Regway without it.',
  GRANT_PULL: () => 'Grant the stored user or token pull access at the registry.',
  PROBE_PRIVATE_REPOSITORY: () => 'Validate the registry in Regway with a private repository.',
  TRUST_REALM: ({ host }) =>
    `If ${host} is the token server of this registry, set it as the trusted token server of the registry in Regway.`,
  ALLOW_UNVERIFIED_TLS: () => 'Or turn TLS verification off for the registry in Regway.',
  KEEP_UNVERIFIED_TLS: () => 'Turn TLS verification off for the registry in Regway.',
  ALLOW_PLAIN_HTTP: () => 'Turn TLS verification off for the registry in Regway.',
  PERMIT_AND_ALLOW_PLAIN_HTTP: ({ host }) =>
    `Add ${host} to REGWAY_PLAIN_HTTP_HOSTS, and turn TLS verification off for the registry in Regway.`,
  USE_TYPE: ({ type }) => `Change the type of the registry in Regway to ${type}.`,
  VALIDATE: () => 'Validate the registry in Regway.',
};

/** Returns the message of a problem, with the sentence for its first advice. */
export function problemMessage(problem: Problem): string {
  const [advice] = problem instanceof AdvisedProblem ? problem.advice : [];
  return advice === undefined ? problem.message : `${problem.message} ${wordAdvice(ociWords, advice)}`;
}
