// Maps error codes of AWS to advice for the owner of the stored identity.

import { type Advice, CloudFailure, notIssued, shownCode } from '../failure.ts';

/** A call to AWS, for messages. */
export interface AwsCall {
  /** The called service. */
  readonly service: 'Amazon ECR' | 'Amazon ECR Public' | 'AWS STS' | 'AWS';
  /** The IAM action that the identity requires. */
  readonly action: string;
}

const unknownKey: Advice = {
  hint: 'Check the access key: AWS does not know it. It may be deleted or inactive, or belong to another partition than the region in the name of the registry (China and GovCloud have their own keys).',
};
const wrongSecret: Advice = {
  hint: 'Check the secret access key: AWS rejected its signature.',
};
const skewed: Advice = {
  hint: 'Check the clock of this server: AWS rejects signatures that are more than five minutes off.',
  retryable: true,
};
const ended: Advice = { hint: 'Renew the session behind the stored identity: it has expired.' };
const denied: Advice = { hint: '' };
const region: Advice = {
  hint: 'Check the region in the name of the registry, and that it is enabled for the account.',
};
const busy: Advice = { hint: 'Try again later: AWS is rate limiting requests.', retryable: true, isRateLimit: true };
const account: Advice = {
  hint: 'Check the AWS account of the stored identity: AWS has not enabled it, or has blocked it.',
};
const webIdentity: Advice = { hint: 'Check the web identity token of this server and the trust policy of its role.' };

const adviceByCode: Readonly<Record<string, Advice>> = {
  UnrecognizedClientException: unknownKey,
  InvalidClientTokenId: unknownKey,
  InvalidAccessKeyId: unknownKey,
  InvalidSignatureException: wrongSecret,
  SignatureDoesNotMatch: wrongSecret,
  IncompleteSignature: wrongSecret,
  AuthFailure: unknownKey,
  Blocked: account,
  PendingVerification: account,
  RequestExpired: skewed,
  RequestTimeTooSkewed: skewed,
  RequestInTheFuture: skewed,
  ExpiredToken: ended,
  ExpiredTokenException: ended,
  AccessDenied: denied,
  AccessDeniedException: denied,
  NotAuthorized: denied,
  UnauthorizedException: denied,
  UnauthorizedOperation: denied,
  OptInRequired: region,
  RegionDisabledException: region,
  InvalidRegionException: region,
  BandwidthLimitExceeded: busy,
  LimitExceededException: busy,
  RequestLimitExceeded: busy,
  RequestThrottled: busy,
  RequestThrottledException: busy,
  SlowDown: busy,
  ThrottledException: busy,
  Throttling: busy,
  ThrottlingException: busy,
  TooManyRequestsException: busy,
  InvalidIdentityToken: webIdentity,
  InvalidIdentityTokenException: webIdentity,
  IDPRejectedClaim: webIdentity,
  IDPRejectedClaimException: webIdentity,
  // About this server and not about the stored identity. A metadata service that does not respond ends so, too.
  CredentialsProviderError: {
    hint: 'Give this server an AWS identity, or store an access key. It has no AWS identity in its environment, profile, web identity, container, or instance.',
    retryable: true,
  },
  TokenProviderError: ended,
};

const otherwise: Advice = {
  hint: 'Look up the code in the AWS documentation. If the failure persists, check CloudTrail.',
  retryable: true,
};

/**
 * Converts an error of the SDK to a CloudFailure with its code and advice. Does not show its message, which repeats parts of the request.
 * @param secrets every secret that the request contained.
 */
export function awsFailure(
  error: unknown,
  { service, action }: AwsCall,
  secrets: readonly string[],
  nowMs: number,
): CloudFailure {
  if (error instanceof CloudFailure) return error;
  const name = error instanceof Error ? error.name : undefined;
  const code = shownCode(name, secrets);
  const known = code === undefined ? undefined : Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const advice = isSkew(error) ? skewed : (known ?? otherwise);
  const hint = advice === denied ? `Allow ${action} for the stored identity.` : advice.hint;
  const message = `${service} issued no login for the stored identity (${code ?? 'an error without a code'}).`;
  return notIssued(message, { ...advice, hint }, responseOf(error), nowMs);
}

/** Returns whether AWS says that the session of an identity has ended. */
export function isEndedSession(error: unknown): boolean {
  return error instanceof Error && adviceByCode[error.name] === ended && error.name !== 'TokenProviderError';
}

/** What the SDK adds to the errors that it makes of a response. */
interface SdkError {
  readonly $response?: { readonly statusCode?: unknown; readonly headers?: unknown };
  /** In the body of some throttled requests, in seconds. */
  readonly RetryAfterSeconds?: unknown;
  readonly retryAfterSeconds?: unknown;
}

/** Returns the head of the response that an error of the SDK stands for. One without a response has the status 0. */
function responseOf(error: unknown): { status: number; headers: Record<string, string> } {
  const { $response = {}, RetryAfterSeconds, retryAfterSeconds = RetryAfterSeconds } = (error ?? {}) as SdkError;
  const { statusCode, headers = {} } = $response;
  const isNumber = ['number', 'string'].includes(typeof retryAfterSeconds);
  return {
    status: typeof statusCode === 'number' ? statusCode : 0,
    headers: { ...(isNumber ? { 'retry-after': String(retryAfterSeconds) } : {}), ...(headers as object) },
  };
}

/** Returns whether the clock is wrong. AWS has no code for this when it verifies a signature, so the start of the message decides. */
function isSkew(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.name === 'InvalidSignatureException' &&
    /^Signature (?:expired|not yet current)/.test(error.message)
  );
}
