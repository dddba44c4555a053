// UpstreamFailure, its outcome and facts.

import type { ValidationOutcome } from '../../core/registry/report.ts';

/** Holds no secret; what it knows is in `facts`. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly outcome: CheckedOutcome;
  readonly facts: Partial<OutcomeFacts>;

  constructor(outcome: CheckedOutcome, facts: Partial<OutcomeFacts>, cause?: unknown) {
    super(outcome, cause === undefined ? undefined : { cause });
    this.outcome = outcome;
    this.facts = facts;
  }
}

/** What was seen. Text from an upstream enters only through `SafeText`, with one exception. */
export interface OutcomeFacts {
  /** `host[:port]` that the outcome is about: the registry, or its token server. */
  readonly host: string;
  readonly username: string;
  readonly repository: string | null;
  /** What proved the credential. */
  readonly proof: string;
  readonly status: number;
  /** The upstream's own error code, one of the specification's. */
  readonly detail: UpstreamErrorCode | null;
  /** A word or clause that completes the message. */
  readonly reason: string;
  /** Host that a redirect or a challenge points to; null when it may not be shown. */
  readonly otherHost: string | null;
  readonly realmRefusal: RealmRefusal;
  readonly retryable: boolean;
  /** Epoch milliseconds. */
  readonly retryAfter: number | null;
  readonly secureConnection: boolean;
  /** Whether the operator's settings permit plain HTTP to the host. */
  readonly plainHttpPermitted: boolean;
  /** Names in a certificate, as it spells them. The exception: a failure holds them raw, whoever shows them makes them safe. */
  readonly certificateNames: string;
}

/** For the outcomes that need no facts beside those named. */
export const noFacts = {
  proof: '',
  status: 0,
  detail: null,
  reason: '',
  otherHost: null,
  realmRefusal: 'UNUSABLE',
  retryable: false,
  retryAfter: null,
  secureConnection: true,
  plainHttpPermitted: false,
  certificateNames: '',
} as const;

export type CheckedOutcome = Exclude<ValidationOutcome, 'SKIPPED'>;

/** The specification's list, and the codes for rate limits and quotas that Docker Hub and others add. */
export const errorCodes = [
  'BLOB_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'TAG_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'UNKNOWN',
  'UNSUPPORTED',
] as const;
export type UpstreamErrorCode = (typeof errorCodes)[number];

export type RealmRefusal = 'UNUSABLE' | 'PLAIN_HTTP' | 'OTHER_HOST';
