// The verdict on a credential: outcomes, steps and the report that is stored and shown.

import { Problem, type ProblemDetails } from '../shared/problem.ts';

export const validationOutcomes = [
  'VALID',
  'VALID_UNPROVEN',
  'NO_AUTH_REQUIRED',
  'SKIPPED',
  'INVALID_CREDENTIALS',
  'INSUFFICIENT_SCOPE',
  'UPSTREAM_FORBIDDEN',
  'RATE_LIMITED',
  'LOCKED_OUT',
  'DNS_FAILURE',
  'UNREACHABLE',
  'TIMEOUT',
  'TLS_UNTRUSTED',
  'TLS_HOSTNAME',
  'TLS_EXPIRED',
  'TLS_PROTOCOL',
  'PLAIN_HTTP',
  'CONNECTION_CLOSED',
  'NOT_A_V2_REGISTRY',
  'REDIRECTED',
  'UNSUPPORTED_CHALLENGE',
  'FORBIDDEN_REALM',
  'FORBIDDEN_ADDRESS',
  'TOKEN_ENDPOINT_ERROR',
  'UPSTREAM_ERROR',
  'RESPONSE_TOO_LARGE',
  'NATIVE_CREDENTIAL_ERROR',
] as const;
export type ValidationOutcome = (typeof validationOutcomes)[number];

export const validationStepKinds = [
  'RESOLVE',
  'CONNECT',
  'TLS',
  'PING',
  'CHALLENGE',
  'REALM',
  'TOKEN',
  'AUTHORIZE',
  'REPOSITORY',
] as const;
export type ValidationStepKind = (typeof validationStepKinds)[number];

export const validationStepStatuses = ['PASSED', 'WARNED', 'FAILED', 'SKIPPED'] as const;
export type ValidationStepStatus = (typeof validationStepStatuses)[number];

export interface ValidationStep {
  readonly kind: ValidationStepKind;
  readonly status: ValidationStepStatus;
  readonly message: string;
  readonly durationMs: number;
}

/** Plain data (dates in epoch milliseconds), stored as JSON with the registry. Holds no secret and no raw upstream text. */
export interface ValidationReport {
  readonly outcome: ValidationOutcome;
  /** One sentence: what was seen. */
  readonly message: string;
  /** One sentence: what the caller can do about it. */
  readonly hint: string | null;
  readonly retryable: boolean;
  /** Epoch milliseconds. */
  readonly retryAfter: number | null;
  /** `host[:port]` that the registry named as its token server, when it did. */
  readonly realmHost: string | null;
  /** Epoch milliseconds. */
  readonly checkedAt: number;
  readonly durationMs: number;
  readonly steps: readonly ValidationStep[];
  /** What the schedule of revalidation keeps beside it; shown to nobody. */
  readonly schedule?: {
    /** Times in a row that the registry could not be asked. */
    readonly failures: number;
    /** Until then one server checks it, and no other. Epoch milliseconds. */
    readonly claimedUntil: number;
  };
}

const successes: ReadonlySet<ValidationOutcome> = new Set(['VALID', 'VALID_UNPROVEN', 'NO_AUTH_REQUIRED', 'SKIPPED']);

/** Whether a registry with this outcome may be stored. `VALID_UNPROVEN` and `NO_AUTH_REQUIRED` are success with a warning. */
export function isSuccess(outcome: ValidationOutcome): boolean {
  return successes.has(outcome);
}

/** Nothing was stored, because the credential did not pass its validation. */
export class ValidationFailed extends Problem {
  readonly report: ValidationReport;

  constructor(report: ValidationReport, message: string, details: Pick<ProblemDetails, 'field'>) {
    super('VALIDATION_FAILED', message, { ...details, reason: report.outcome });
    this.report = report;
  }
}

/** The report of a call with `validate: false`. */
export function skippedReport(checkedAt: number): ValidationReport {
  return {
    outcome: 'SKIPPED',
    message: 'Stored without verification, as asked.',
    hint: 'Run validateRegistry to check it.',
    retryable: false,
    retryAfter: null,
    realmHost: null,
    checkedAt,
    durationMs: 0,
    steps: [],
  };
}
