// The one table that turns what went wrong into GraphQL: a payload error, a top-level error, or a masked fault.

import { GraphQLError } from 'graphql';
import { faultFields } from '../../core/shared/fault.ts';
import { Problem, type ProblemCode } from '../../core/shared/problem.ts';
import type { RequestErrorSentence } from './safe-messages.ts';

/** Where a caller meets a problem of a mutation. Queries have no payload: there, all are top-level errors with the same code. */
export const problemPlaces = {
  INVALID_REGISTRY: 'payload',
  INVALID_REFERENCE: 'payload',
  INVALID_INPUT: 'payload',
  ALREADY_EXISTS: 'payload',
  NOT_FOUND: 'payload',
  UNAUTHENTICATED: 'top-level',
  FORBIDDEN: 'payload',
  PASSWORD_REQUIRED: 'payload',
  VALIDATION_FAILED: 'payload',
  CONFLICT: 'payload',
  RATE_LIMITED: 'payload',
  SECRET_UNREADABLE: 'payload',
  UPSTREAM_FAILED: 'payload',
  STORAGE_UNAVAILABLE: 'payload',
} as const satisfies Record<ProblemCode, 'payload' | 'top-level'>;

/** The codes of `RegistryErrorCode`. */
export type PayloadCode = {
  [Code in ProblemCode]: (typeof problemPlaces)[Code] extends 'payload' ? Code : never;
}[ProblemCode];

/** Codes of errors about the request itself, beside those of graphql-js (`GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`). */
export type RequestErrorCode =
  | 'BAD_REQUEST'
  | 'BAD_USER_INPUT'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'NOT_ACCEPTABLE'
  | 'METHOD_NOT_ALLOWED'
  | 'LIMIT_EXCEEDED'
  | 'PERSISTED_OPERATION_NOT_FOUND'
  | 'PERSISTED_OPERATION_REQUIRED'
  | 'INTROSPECTION_DISABLED';

interface RequestErrorDetails {
  /** The finer cause, such as which limit. */
  readonly reason?: string;
  /** HTTP status of the answer; graphql-js's own rule when absent. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request refused by a rule of ours, in words that hold nothing from the request. Known by its class, so that it is not rewritten. */
export class GraphqlRequestError extends GraphQLError {
  constructor(code: RequestErrorCode, message: string, { reason, status, headers }: RequestErrorDetails = {}) {
    super(message, {
      extensions: {
        code,
        ...(reason === undefined ? {} : { reason }),
        // `spec: false` makes Yoga keep the status for `application/json` too.
        ...(status === undefined
          ? {}
          : { http: { status, spec: false, ...(headers === undefined ? {} : { headers }) } }),
      },
    });
  }
}

/** Where faults of ours are written. */
export interface GraphqlLog {
  error(fields: object, message: string): void;
}

interface AnswerContext {
  readonly requestId: string;
  readonly log: GraphqlLog;
  readonly sentence: RequestErrorSentence;
}

/**
 * Translates one error into what the caller sees. Every error of every answer passes here.
 * A fault of ours is logged without its message (drivers print parameters there) and masked with the request id.
 */
export function answerError(error: unknown, context: AnswerContext): GraphQLError {
  const cause = deepestCause(error);
  if (cause instanceof Problem) return withPlace(error, cause.message, problemExtensions(cause));
  if (cause instanceof GraphqlRequestError) return withPlace(error, cause.message, ownExtensions(cause));
  if (error instanceof GraphQLError && cause instanceof GraphQLError && isAboutTheRequest(error)) {
    return withPlace(error, context.sentence(error), requestExtensions(error));
  }
  // The client went away, and with it the check that it had asked for: nobody's fault, and nobody reads this answer.
  if (cause instanceof DOMException && cause.name === 'AbortError')
    return withPlace(error, 'The request was given up.', { code: 'BAD_REQUEST' });
  context.log.error({ requestId: context.requestId, ...faultFields(cause) }, 'A GraphQL request failed unexpectedly');
  return withPlace(error, 'Something went wrong on our side. The request id finds the details in the log.', {
    code: 'INTERNAL_SERVER_ERROR',
    requestId: context.requestId,
    ...(error instanceof GraphQLError && error.path !== undefined ? {} : { http: { status: 500 } }),
  });
}

function deepestCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? deepestCause(error.originalError) : error;
}

/** Errors with a path come from running fields, where only an argument that turned out null or unfit is the caller's. */
function isAboutTheRequest({ path, message }: GraphQLError): boolean {
  return path === undefined || message.startsWith('Argument "');
}

function problemExtensions({ code, reason, field, retryAfter }: Problem): Record<string, unknown> {
  return {
    code,
    ...(reason === undefined ? {} : { reason }),
    ...(field === undefined ? {} : { field }),
    ...(retryAfter === undefined ? {} : { retryAfter: new Date(retryAfter).toISOString() }),
  };
}

/** Yoga sets `spec` on whatever parsing throws, which would turn our status into a 200 for `application/json`. */
function ownExtensions({ extensions: { http, ...rest } }: GraphqlRequestError): Record<string, unknown> {
  return http === undefined ? rest : { ...rest, http: { ...http, spec: false } };
}

function requestExtensions({ extensions }: GraphQLError): Record<string, unknown> {
  const { code, http } = extensions;
  return { code: requestCode(code, http), ...(http === undefined ? {} : { http }) };
}

/** Yoga calls a mutation by GET a bad request, though with status 405. */
function requestCode(code: unknown, http: unknown): string {
  if (typeof http === 'object' && http !== null && 'status' in http && http.status === 405)
    return 'METHOD_NOT_ALLOWED' satisfies RequestErrorCode;
  return typeof code === 'string' ? code : 'BAD_USER_INPUT';
}

function withPlace(error: unknown, message: string, extensions: Record<string, unknown>): GraphQLError {
  if (!(error instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  const { nodes, source, positions, path } = error;
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions,
  });
}
