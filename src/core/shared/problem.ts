// What can go wrong for a caller: one closed list of codes, a sentence a person can act on, never a secret.

/** The closed list. Every adapter translates it in exactly one table. */
export const problemCodes = [
  'INVALID_REGISTRY',
  'INVALID_REFERENCE',
  'INVALID_INPUT',
  'ALREADY_EXISTS',
  'NOT_FOUND',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'PASSWORD_REQUIRED',
  'VALIDATION_FAILED',
  'CONFLICT',
  'RATE_LIMITED',
  'SECRET_UNREADABLE',
  'UPSTREAM_FAILED',
  'STORAGE_UNAVAILABLE',
] as const;

export type ProblemCode = (typeof problemCodes)[number];

export interface ProblemDetails {
  /** The finer cause, such as `HUB_SINGLE_SEGMENT`. */
  readonly reason?: string | undefined;
  /** Path of the input field at fault, relative to the input object. */
  readonly field?: readonly string[] | undefined;
  /** When another try can help, epoch milliseconds. */
  readonly retryAfter?: number | undefined;
  /** The fault behind it, for our log only. Never shown to a caller. */
  readonly cause?: unknown;
}

/** An expected failure. A fault of ours is a plain `Error` and is masked by the adapters. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly reason: string | undefined;
  readonly field: readonly string[] | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ProblemCode, message: string, details: ProblemDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason;
    this.field = details.field;
    this.retryAfter = details.retryAfter;
  }
}
