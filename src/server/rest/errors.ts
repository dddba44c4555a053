// Maps problems to REST errors in one table: the status, and the body that existing clients read.

import { advisedMessage, hintOf, ValidationFailed } from '../../core/registry/report.ts';
import { retryAfterSeconds } from '../../core/shared/rate-limit.ts';
import { faultFields } from '../../core/shared/fault.ts';
import { Problem, type ProblemCode } from '../../core/shared/problem.ts';
import { restWords } from './advice.ts';
import { formatDate, type ErrorBody } from './schemas.ts';

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
  LIMIT_EXCEEDED: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  // Not what RFC 9110 means by 406; clients of this API have branched on it since its first version.
  VALIDATION_FAILED: 406,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  // Not 500: the caller can fix it by sending the password again, and a retry without the password never helps (RFC 9110 §15.5.10).
  SECRET_UNREADABLE: 409,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  INTERNAL_ERROR: 500,
  UPSTREAM_FAILED: 502,
  STORAGE_UNAVAILABLE: 503,
};

/** The challenges of a 401 (RFC 9110 §11.6.1). Basic is first, because every HTTP client supports it. */
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

/** A request that is rejected before it reaches a use case. The message contains nothing from the request. */
export class RestRequestError extends Error {
  override readonly name = 'RestRequestError';
  readonly code: RequestErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: RequestErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** The log for internal errors. */
export interface RestLog {
  error(fields: object, message: string): void;
}

/** The request that failed, and the ports of its error. */
export interface ErrorContext {
  readonly requestId: string;
  readonly log: RestLog;
  readonly now: () => Date;
}

/** The headers and body of an error response. */
export interface ErrorResponse {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: ErrorBody;
}

/**
 * Maps any thrown value to the response that the client gets. Every error response is made here.
 * An internal error is logged without its message, because database drivers print parameters there, and masked with the request ID.
 */
export function toErrorResponse(error: unknown, context: ErrorContext): ErrorResponse {
  if (error instanceof Problem) {
    return {
      headers: problemHeaders(error, context.now()),
      body: errorBody(error.code, advisedMessage(restWords, error), problemDetail(error)),
    };
  }
  if (error instanceof RestRequestError) return { headers: error.headers, body: errorBody(error.code, error.message) };
  context.log.error({ requestId: context.requestId, ...faultFields(error) }, 'A REST request failed unexpectedly');
  const message = 'Internal error. The server log has the details under this request ID.';
  return { headers: {}, body: errorBody('INTERNAL_ERROR', message, { request_id: context.requestId }) };
}

/**
 * Builds the body of an error in both shapes that clients read: the old server sent `httpcode`, and its documents declared `code` and
 * `error_type`.
 */
export function errorBody(
  errorType: ErrorType,
  message: string,
  detail: Omit<ErrorBody['detail'], 'error_codes'> = {},
): ErrorBody {
  const status = statusOf[errorType];
  return { message, httpcode: status, code: status, error_type: errorType, detail: { error_codes: [], ...detail } };
}

function problemHeaders({ code, retryAfter }: Problem, now: Date): ErrorResponse['headers'] {
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
            message: validation.message,
            hint: hintOf(restWords, validation),
            retryable: validation.retryable,
            retry_after: validation.retryAfter === null ? null : formatDate(new Date(validation.retryAfter)),
          },
        }),
  };
}
