// Maps error codes of AWS to advice for the owner of the stored identity.

import { advise, type CloudAdvice, CloudFailure, notIssued, shownCode } from '../failure.ts';

/** A call to AWS, for messages. */
export interface AwsCall {
  /** The called service. */
  readonly service: 'Amazon ECR' | 'Amazon ECR Public' | 'AWS STS' | 'AWS';
  /** The IAM action that the identity requires. */
  readonly action: string;
}

const unknownKey = advise('CHECK_ACCESS_KEY');
const wrongSecret = advise('CHECK_SECRET_KEY');
/** AWS rejects signatures that are more than five minutes off. */
const skewed = advise('CORRECT_CLOCK', { retryable: true });
const ended = advise('CHECK_SESSION');
const region = advise('CHECK_REGION');
const busy = advise('WAIT_FOR_CLOUD', { retryable: true, isRateLimit: true });
const account = advise('CHECK_CLOUD_ACCOUNT');
const webIdentity = advise('CHECK_WEB_IDENTITY');

const adviceByCode: Readonly<Record<string, CloudAdvice>> = {
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
  CredentialsProviderError: advise('PROVIDE_AWS_IDENTITY', { retryable: true }),
  TokenProviderError: ended,
};

/** The codes of a permission that the identity does not have. */
const deniedCodes: ReadonlySet<string | undefined> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'NotAuthorized',
  'UnauthorizedException',
  'UnauthorizedOperation',
]);

const otherwise: CloudAdvice = { advice: [{ kind: 'LOOK_UP_CODE', provider: 'AWS' }], retryable: true };

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
  const known = code !== undefined && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const denied: CloudAdvice | undefined = deniedCodes.has(code)
    ? { advice: [{ kind: 'ALLOW_ACTION', action }] }
    : known;
  const message = `${service} issued no login for the stored identity (${code ?? 'an error without a code'}).`;
  return notIssued(message, isSkew(error) ? skewed : (denied ?? otherwise), responseOf(error), nowMs);
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
