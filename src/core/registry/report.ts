// Defines the report of a validation: its outcome and steps, as stored and shown.

import { Problem, type ProblemCode, type ProblemDetails } from '../shared/problem.ts';
import { type Advice, isKnownAdvice } from './advice.ts';
import { type AdviceWords, wordAdvices } from './advice-words.ts';

/** Every outcome of a validation. */
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

/** The kinds of steps, in their order. */
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

/** One finished step of a validation. */
export interface ValidationStep {
  readonly kind: ValidationStepKind;
  readonly status: ValidationStepStatus;
  readonly message: string;
  readonly durationMs: number;
}

/** The report of a validation: plain data, stored as JSON with the registry. Contains no secret and no raw upstream text. */
export interface ValidationReport {
  readonly outcome: ValidationOutcome;
  /** One sentence: what happened. */
  readonly message: string;
  /** What to do about it, as data that each interface words itself. Absent in reports from before advice was data. */
  readonly advice?: readonly Advice[];
  /** What to do about it as a sentence, only in reports from before advice was data. */
  readonly hint?: string | null;
  readonly retryable: boolean;
  /** When another validation can succeed, in epoch milliseconds; null if unknown. */
  readonly retryAfter: number | null;
  /** The `host[:port]` that the registry named as its token server; null for none. */
  readonly realmHost: string | null;
  /** When the validation finished, in epoch milliseconds. */
  readonly checkedAt: number;
  readonly durationMs: number;
  readonly steps: readonly ValidationStep[];
  /** The state of scheduled revalidation. Never shown. */
  readonly schedule?: {
    /** Consecutive validations in which the registry was unreachable. */
    readonly failures: number;
    /** Until when one server has claimed the validation, in epoch milliseconds. */
    readonly claimedUntil: number;
  };
  /** Set if a pull, not a validation, found that the credential is rejected: the report that this one replaced. Never shown. */
  readonly fromPull?: { readonly replaced: ValidationReport | null };
}

const successes: ReadonlySet<ValidationOutcome> = new Set(['VALID', 'VALID_UNPROVEN', 'NO_AUTH_REQUIRED', 'SKIPPED']);

/** Returns whether a registry with this outcome can be stored. `VALID_UNPROVEN` and `NO_AUTH_REQUIRED` are successes with a warning. */
export function isSuccess(outcome: ValidationOutcome): boolean {
  return successes.has(outcome);
}

/** Returns the advice of a report, without kinds that only a newer version knows. */
export function adviceOf({ advice = [] }: Pick<ValidationReport, 'advice'>): readonly Advice[] {
  return advice.filter(isKnownAdvice);
}

/** A problem with an upstream, with advice that each interface words after the message. */
export class AdvisedProblem extends Problem {
  readonly advice: readonly Advice[];

  constructor(code: ProblemCode, message: string, advice: readonly Advice[], details: ProblemDetails) {
    super(code, message, details);
    this.advice = advice;
  }
}

/** A credential that did not pass its validation; nothing was stored. The reason is the outcome. */
export class ValidationFailed extends AdvisedProblem {
  readonly report: ValidationReport;

  constructor(report: ValidationReport, details: Pick<ProblemDetails, 'field'>) {
    super('VALIDATION_FAILED', report.message, adviceOf(report), { ...details, reason: report.outcome });
    this.report = report;
  }
}

/** A credential for which its cloud issued no login; nothing was sent to the registry. The reason is the outcome. */
export class LoginNotIssued extends AdvisedProblem {
  /** Its `retryable` says whether the failure can pass, and so says nothing about the credential. */
  readonly report: ValidationReport;
  /** Whether the cloud limits how often it is asked. */
  readonly isRateLimit: boolean;

  constructor(report: ValidationReport, isRateLimit: boolean) {
    const { outcome, message, retryAfter, retryable } = report;
    super('UPSTREAM_FAILED', message, adviceOf(report), {
      reason: outcome,
      retryAfter: retryAfter ?? undefined,
      retryable,
    });
    this.report = report;
    this.isRateLimit = isRateLimit;
  }
}

/** Returns the hint of a report in the sentences of an interface, also of one from before advice was data; null if there is nothing to do. */
export function hintOf(words: AdviceWords, report: Pick<ValidationReport, 'advice' | 'hint'>): string | null {
  return report.advice === undefined ? (report.hint ?? null) : wordAdvices(words, adviceOf(report));
}

/** Returns the message of a problem, with its advice in the sentences of an interface. */
export function advisedMessage(words: AdviceWords, problem: Problem): string {
  const hint = problem instanceof AdvisedProblem ? wordAdvices(words, problem.advice) : null;
  return hint === null ? problem.message : `${problem.message} ${hint}`;
}

/** Returns the report of a call with `validate: false`. */
export function skippedReport(checkedAt: number): ValidationReport {
  return {
    outcome: 'SKIPPED',
    message: 'Stored without validation, as requested.',
    advice: [{ kind: 'VALIDATE' }],
    retryable: false,
    retryAfter: null,
    realmHost: null,
    checkedAt,
    durationMs: 0,
    steps: [],
  };
}
