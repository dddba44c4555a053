// Maps error codes of AWS to advice for the owner of the stored identity.

import { CloudFailure, shownCode } from '../failure.ts';
import type { Advice } from '../failure.ts';

export interface AwsCall {
  /** The service that was asked. */
  readonly service: 'Amazon ECR' | 'Amazon ECR Public' | 'AWS STS';
  /** IAM action that the identity needs for it. */
  readonly action: string;
}

const unknownKey: Advice = {
  hint: 'AWS knows no such access key: it may be deleted or inactive, or belong to another partition than the region in the name of the registry (China and GovCloud have keys of their own).',
};
const wrongSecret: Advice = {
  hint: 'Check the secret access key: the signature made with it is not the one that AWS expects.',
};
const skewed: Advice = {
  hint: 'Check the clock of this server: AWS refuses signatures that are more than five minutes off.',
  retryable: true,
};
const ended: Advice = { hint: 'The session behind the stored identity has ended: renew it where it is issued.' };
const denied: Advice = { hint: '' };
const region: Advice = { hint: 'Check the region in the name of the registry, and that the account has it turned on.' };
const busy: Advice = { hint: 'AWS limits how often it may be asked: check again later.', retryable: true };
const webIdentity: Advice = { hint: 'Check the web identity token of this server and the trust policy of its role.' };

const adviceByCode: Readonly<Record<string, Advice>> = {
  UnrecognizedClientException: unknownKey,
  InvalidClientTokenId: unknownKey,
  InvalidAccessKeyId: unknownKey,
  InvalidSignatureException: wrongSecret,
  SignatureDoesNotMatch: wrongSecret,
  IncompleteSignature: wrongSecret,
  RequestExpired: skewed,
  RequestTimeTooSkewed: skewed,
  RequestInTheFuture: skewed,
  ExpiredToken: ended,
  ExpiredTokenException: ended,
  AccessDenied: denied,
  AccessDeniedException: denied,
  OptInRequired: region,
  RegionDisabledException: region,
  InvalidRegionException: region,
  Throttling: busy,
  ThrottlingException: busy,
  TooManyRequestsException: busy,
  InvalidIdentityToken: webIdentity,
  InvalidIdentityTokenException: webIdentity,
  IDPRejectedClaim: webIdentity,
  IDPRejectedClaimException: webIdentity,
  CredentialsProviderError: {
    hint: 'This server has no AWS identity: neither environment, profile, web identity, container nor instance gave one. Give it one, or store an access key.',
  },
  TokenProviderError: ended,
};

const otherwise: Advice = {
  hint: 'Look the code up in the documentation of AWS; if it stays, look at CloudTrail.',
  retryable: true,
};

/**
 * What an error of the SDK says to a person. Its message is not shown: it repeats parts of the request.
 * @param secrets Everything secret that the request held.
 */
export function awsFailure(error: unknown, { service, action }: AwsCall, secrets: readonly string[]): CloudFailure {
  if (error instanceof CloudFailure) return error;
  const name = error instanceof Error ? error.name : undefined;
  const code = shownCode(name, secrets);
  const known = code === undefined ? undefined : Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const advice = isSkew(error) ? skewed : (known ?? otherwise);
  const hint = advice === denied ? `Allow ${action} to the stored identity.` : advice.hint;
  return new CloudFailure(`${service} gave no login for the stored identity (${code ?? 'an error without a code'}).`, {
    ...advice,
    hint,
  });
}

/** AWS has no code of its own for a wrong clock when it checks a signature; the beginning of the sentence tells. */
function isSkew(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.name === 'InvalidSignatureException' &&
    /^Signature (?:expired|not yet current)/.test(error.message)
  );
}
