// Defines CloudFailure, the one error of clouds: no login was issued for the stored identity. Names the provider's own code, what to do as data, and whether and when it can pass.

import { type Advice, type AdviceKind, type AdviceOf, spaceAdvice } from '../../core/registry/advice.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { HttpsError, type HttpsResponse } from '../transport/https-client.ts';
import { parseRetryAfter } from '../transport/retry-after.ts';

/** What to do about a failure, and whether it can pass. */
export interface CloudAdvice {
  /** For the owner of the stored identity. */
  readonly advice: readonly Advice[];
  /** Whether the same call can succeed later, so that the failure says nothing about the stored identity. Defaults to false. */
  readonly retryable?: boolean;
  /** Whether the cloud limits how often it is asked, which also passes. Defaults to false. */
  readonly isRateLimit?: boolean;
}

interface CloudFailureDetails extends CloudAdvice {
  /** When the same call can succeed, in epoch milliseconds; undefined if the cloud named no time. */
  readonly retryAfter?: number | undefined;
}

/** The advice for a cloud that is overloaded, or limits how often it is asked. */
export const later = advise('WAIT_FOR_CLOUD', { retryable: true });

/** Has no cause, because the errors of cloud libraries contain requests, and requests contain secrets. */
export class CloudFailure extends Error {
  override readonly name = 'CloudFailure';
  readonly advice: readonly Advice[];
  readonly retryable: boolean;
  readonly isRateLimit: boolean;
  readonly retryAfter: number | undefined;

  constructor(message: string, { advice, retryable = false, isRateLimit = false, retryAfter }: CloudFailureDetails) {
    super(message);
    this.advice = advice;
    this.retryable = retryable || isRateLimit;
    this.isRateLimit = isRateLimit;
    this.retryAfter = this.retryable ? retryAfter : undefined;
  }
}

/** Statuses of a server that can answer the same request otherwise later (RFC 9110 §15.5.9, §15.5.11; RFC 6585 §4). Metadata servers of Azure answer 410 while they are updated. */
const passingStatuses: ReadonlySet<number> = new Set([408, 410, 425, 429]);

/** What the head of a response says about a later attempt. */
type Passing = Required<Pick<CloudAdvice, 'retryable' | 'isRateLimit'>> & Pick<CloudFailureDetails, 'retryAfter'>;

function passingOf({ status, headers }: Pick<HttpsResponse, 'status' | 'headers'>, nowMs: number): Passing {
  const retryAfter = retryAfterOf(headers, nowMs);
  const isRateLimit = status === 429 || (status === 403 && retryAfter !== undefined);
  return { retryable: isRateLimit || status >= 500 || passingStatuses.has(status), isRateLimit, retryAfter };
}

/** Describes a response without a login. A status that can pass decides before the code: it says nothing about the stored identity. */
export function notIssued(
  message: string,
  known: CloudAdvice,
  response: Pick<HttpsResponse, 'status' | 'headers'>,
  nowMs: number,
): CloudFailure {
  const { retryable, isRateLimit, retryAfter } = passingOf(response, nowMs);
  return new CloudFailure(message, {
    advice: retryable && known.retryable !== true ? later.advice : known.advice,
    retryable: retryable || known.retryable === true,
    isRateLimit: isRateLimit || known.isRateLimit === true,
    retryAfter,
  });
}

/** Headers with milliseconds instead of seconds: those of Azure, and that of AWS. */
const millisecondHeaders = ['x-ms-retry-after-ms', 'retry-after-ms', 'x-amz-retry-after'];

/** Returns the time that a response names for another attempt, in epoch milliseconds; undefined if it names none. */
export function retryAfterOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  nowMs: number,
): number | undefined {
  const named = millisecondHeaders.map((name) => headers[name]).find((value) => value !== undefined);
  const seconds =
    typeof named === 'string' && /^\d{1,12}$/.test(named.trim()) ? String(Number(named) / 1000) : undefined;
  const plain = headers['retry-after'];
  return parseRetryAfter(seconds ?? (typeof plain === 'string' ? plain : ''), nowMs) ?? undefined;
}

/** The kinds of advice without details. */
type PlainKind = { [Kind in AdviceKind]: { kind: Kind } extends AdviceOf<Kind> ? Kind : never }[AdviceKind];

/** Returns the advice of one kind without details. */
export function advise(kind: PlainKind, more: Omit<CloudAdvice, 'advice'> = {}): CloudAdvice {
  return { advice: [{ kind } as Advice], ...more };
}

/** The advice of a provider that doubts the username. White space at its ends is then the likelier cause. */
const doubtsUsername: ReadonlySet<AdviceKind> = new Set([
  'USE_ACCESS_KEY',
  'USE_LONG_TERM_KEY',
  'CHECK_ACCESS_KEY',
  'USE_SERVICE_PRINCIPAL',
  'USE_KEY_FILE',
]);

/** As `doubtsUsername`, for the password. Roles and key files are read without the white space around them. */
const doubtsPassword: ReadonlySet<AdviceKind> = new Set([
  'USE_ACCESS_KEY',
  'CHECK_SECRET_KEY',
  'USE_SECRET_VALUE',
  'CHECK_CLIENT_SECRET',
  'USE_MANAGED_IDENTITY',
]);

/** Returns a failure that names white space around the identity first, where the provider doubts the part that has it. */
export function withSpaceAdvice(failure: CloudFailure, credential: Credential): CloudFailure {
  const doubts = (kinds: ReadonlySet<AdviceKind>) => failure.advice.some(({ kind }) => kinds.has(kind));
  const spaces = spaceAdvice(credential).filter(({ kind }) =>
    kind === 'REMOVE_USERNAME_SPACE' ? doubts(doubtsUsername) : doubts(doubtsPassword),
  );
  if (spaces.length === 0) return failure;
  const { message, advice, retryable, isRateLimit, retryAfter } = failure;
  return new CloudFailure(message, { advice: [...spaces, ...advice], retryable, isRateLimit, retryAfter });
}

/** Maximum length of a code that is shown. Real codes are shorter, and tokens are longer. */
const maxCodeLength = 64;

/**
 * Returns a provider's error code, or undefined if it is not a plain word or is part of a secret, because a hostile
 * provider could send back what it received.
 * @param secrets every secret that the request contained.
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

/** Describes a registry whose host does not belong to the cloud of its type; nothing was sent. */
export function unfitHost(provider: string, hosts: string): CloudFailure {
  return new CloudFailure(`The host is not a registry of ${provider}, so no login was issued and nothing was sent.`, {
    advice: [
      { kind: 'USE_CLOUD_HOST', names: hosts },
      { kind: 'USE_TYPE', type: 'DOCKER_V2' },
    ],
  });
}

/** Describes a registry that is set to use the server's own identity, which the settings do not allow. */
export function ambientIsOff(setting: string): CloudFailure {
  return new CloudFailure("This registry is set to use the server's own cloud identity, which is turned off.", {
    advice: [{ kind: 'ALLOW_AMBIENT', setting }],
  });
}

/** Describes a response that cannot be used. */
export function unusable(provider: string, reason: string): CloudFailure {
  return new CloudFailure(messageOfUnusable(provider, reason), unusableAdvice);
}

/** Describes a response of a machine's own metadata server without a login. It says nothing about the stored identity. */
export function unusableMetadata(
  provider: string,
  reason: string,
  response: Pick<HttpsResponse, 'status' | 'headers'>,
  nowMs: number,
): CloudFailure {
  return notIssued(messageOfUnusable(provider, reason), unusableAdvice, response, nowMs);
}

const unusableAdvice = advise('CHECK_CLOUD_PROXY', { retryable: true });

function messageOfUnusable(provider: string, reason: string): string {
  return `${provider} issued no usable login (${reason}).`;
}

/** Describes a request that got no response in time. */
export function unanswered(): CloudFailure {
  return new CloudFailure('The cloud did not respond in time.', {
    advice: [{ kind: 'CHECK_CLOUD_NETWORK', host: null }],
    retryable: true,
  });
}

/** Describes a request that got no usable response. Returns undefined for any other error. */
export function unreachable(provider: string, host: string, error: unknown): CloudFailure | undefined {
  if (!(error instanceof HttpsError)) return undefined;
  if (error.kind === 'TOO_LARGE') return unusable(provider, 'its response is larger than a token can be');
  const reason = error.kind === 'INSECURE' ? 'its address has no TLS' : (error.code ?? 'no response');
  return new CloudFailure(`${provider} could not be reached: ${host} did not respond (${reason}).`, {
    advice: [{ kind: 'CHECK_CLOUD_NETWORK', host }],
    retryable: true,
  });
}
