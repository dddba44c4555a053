// The expected failures of a call: a closed list of codes, with a sentence that the caller can act on and no secret in it.

/** Every code of a problem. Each adapter translates this list in exactly one table. */
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
  'LIMIT_EXCEEDED',
  'SECRET_UNREADABLE',
  'UPSTREAM_FAILED',
  'STORAGE_UNAVAILABLE',
] as const;

export type ProblemCode = (typeof problemCodes)[number];

/** The details of a problem beside its code and message. */
export interface ProblemDetails {
  /** A more specific reason, such as `HUB_SINGLE_SEGMENT`. */
  readonly reason?: string | undefined;
  /** The path of the input field to change, relative to the input object. */
  readonly field?: readonly string[] | undefined;
  /** When another attempt can succeed, in epoch milliseconds. */
  readonly retryAfter?: number | undefined;
  /** Whether the same call can succeed later without a change by anyone. Defaults to false. */
  readonly retryable?: boolean | undefined;
  /** HTTP status of the upstream's response, if there was one. */
  readonly upstreamStatus?: number | undefined;
  /** The underlying error, for the server's log only. Never shown to a caller. */
  readonly cause?: unknown;
}

/** An expected failure. An internal error is a plain `Error`, and the adapters mask it. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly reason: string | undefined;
  readonly field: readonly string[] | undefined;
  readonly retryAfter: number | undefined;
  readonly retryable: boolean;
  readonly upstreamStatus: number | undefined;

  constructor(code: ProblemCode, message: string, details: ProblemDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason;
    this.field = details.field;
    this.retryAfter = details.retryAfter;
    this.retryable = details.retryable ?? false;
    this.upstreamStatus = details.upstreamStatus;
  }
}
