// Maps problems to REST errors, in one table: the status, and the body that existing clients read.

import { ValidationFailed } from '../../core/registry/report.ts';
import { retryAfterSeconds } from '../../core/shared/rate-limit.ts';
import { faultFields } from '../../core/shared/fault.ts';
import { Problem, type ProblemCode } from '../../core/shared/problem.ts';
import { shownDate, type ErrorBody } from './schemas.ts';

/** Errors of a request before it reaches a use case, and the internal error. */
type RequestErrorCode = 'METHOD_NOT_ALLOWED' | 'BODY_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE' | 'INTERNAL_ERROR';

/** Every value of `error_type`. */
export type ErrorType = ProblemCode | RequestErrorCode;

/** The HTTP status of every error. */
export const statusOf: Readonly<Record<ErrorType, number>> = {
  INVALID_REGISTRY: 400,
  INVALID_REFERENCE: 400,
  INVALID_INPUT: 400,
  PASSWORD_REQUIRED: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  // Not what RFC 9110 means by 406; clients of this API have branched on it since its first version.
  VALIDATION_FAILED: 406,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  // Not 500: the caller can mend it by sending the password again, and a retry without that never helps (RFC 9110 §15.5.10).
  SECRET_UNREADABLE: 409,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  INTERNAL_ERROR: 500,
  UPSTREAM_FAILED: 502,
  STORAGE_UNAVAILABLE: 503,
};

/** RFC 9110 §11.6.1: both ways to log in, the one that every HTTP client knows first. */
const challenges = ['Basic realm="regway", charset="UTF-8"', 'Bearer realm="regway"'];

/** Maps field names of the domain to those of REST. */
const fieldNames: ReadonlyMap<string, string> = new Map([
  ['id', 'registry'],
  ['username', 'registry_user'],
  ['password', 'registry_pass'],
  ['type', 'registry_type'],
  ['name', 'registry_name'],
  ['secureConnection', 'registry_verify'],
  ['account', 'x-anchore-account'],
]);

/** A request refused by a rule of HTTP. Its message holds nothing from the request. */
export class RestRequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: RequestErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** Where internal errors are logged. */
export interface RestLog {
  error(fields: object, message: string): void;
}

/** Of one request. */
export interface ErrorContext {
  readonly requestId: string;
  readonly log: RestLog;
  readonly now: () => Date;
}

/** One error as an answer. */
export interface ErrorAnswer {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: ErrorBody;
}

/**
 * Translates whatever was thrown. Every error of every answer passes here.
 * An internal error is logged without its message (drivers print parameters there) and masked with the request id.
 */
export function answerError(error: unknown, context: ErrorContext): ErrorAnswer {
  if (error instanceof Problem) {
    return {
      headers: problemHeaders(error, context.now()),
      body: errorBody(error.code, restWords(error.message), problemDetail(error)),
    };
  }
  if (error instanceof RestRequestError) return { headers: error.headers, body: errorBody(error.code, error.message) };
  context.log.error({ requestId: context.requestId, ...faultFields(error) }, 'A REST request failed unexpectedly');
  const message = 'Something went wrong on our side. The request id finds the details in the log.';
  return { headers: {}, body: errorBody('INTERNAL_ERROR', message, { request_id: context.requestId }) };
}

/** The body in both shapes that clients read: `httpcode` is what the old server sent, `code` and `error_type` what its documents declared. */
export function errorBody(
  errorType: ErrorType,
  message: string,
  detail: Omit<ErrorBody['detail'], 'error_codes'> = {},
): ErrorBody {
  const status = statusOf[errorType];
  return { message, httpcode: status, code: status, error_type: errorType, detail: { error_codes: [], ...detail } };
}

function problemHeaders({ code, retryAfter }: Problem, now: Date): ErrorAnswer['headers'] {
  return {
    ...(code === 'UNAUTHENTICATED' ? { 'WWW-Authenticate': challenges } : {}),
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfterSeconds(retryAfter, now.getTime())) }),
  };
}

function problemDetail(problem: Problem): Omit<ErrorBody['detail'], 'error_codes'> {
  const { reason, field = [] } = problem;
  const validation = problem instanceof ValidationFailed ? problem.report : undefined;
  const [name] = field;
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(name === undefined ? {} : { field: fieldNames.get(name) ?? name }),
    ...(validation === undefined
      ? {}
      : {
          validation: {
            outcome: validation.outcome,
            message: restWords(validation.message),
            hint: validation.hint && restWords(validation.hint),
            retryable: validation.retryable,
            retry_after: validation.retryAfter === null ? null : shownDate(new Date(validation.retryAfter)),
          },
        }),
  };
}

/** Sentences of the domain name settings as GraphQL does. Two of them it alone has. */
function restWords(sentence: string): string {
  return sentence
    .replaceAll('secureConnection', 'registry_verify')
    .replaceAll('retryAfter', 'retry_after')
    .replaceAll(/\b(?:trustedRealm|probeRepository)\b/g, '$& (over GraphQL)');
}
