// Maps every failure to GraphQL in one table: a payload error, a top-level error, or a masked internal error.

import { GraphQLError } from 'graphql';
import { advisedMessage } from '../../core/registry/report.ts';
import { faultFields } from '../../core/shared/fault.ts';
import { Problem, type ProblemCode } from '../../core/shared/problem.ts';
import { graphqlWords } from './advice.ts';
import type { RequestErrorSentence } from './safe-messages.ts';

/** Maps the code of a mutation's problem to its place in the response. Queries have no payload, so there every problem is a top-level error with the same code. */
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
  LIMIT_EXCEEDED: 'payload',
  SECRET_UNREADABLE: 'payload',
  UPSTREAM_FAILED: 'payload',
  STORAGE_UNAVAILABLE: 'payload',
} as const satisfies Record<ProblemCode, 'payload' | 'top-level'>;

/** The codes of `RegistryErrorCode`. */
export type PayloadCode = {
  [Code in ProblemCode]: (typeof problemPlaces)[Code] extends 'payload' ? Code : never;
}[ProblemCode];

/** The codes of errors about the request itself, in addition to those of graphql-js (`GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`). */
export type RequestErrorCode =
  | 'LIMIT_EXCEEDED'
  | 'BAD_REQUEST'
  | 'BAD_USER_INPUT'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'NOT_ACCEPTABLE'
  | 'METHOD_NOT_ALLOWED'
  | 'PERSISTED_OPERATION_NOT_FOUND'
  | 'PERSISTED_OPERATION_REQUIRED'
  | 'INTROSPECTION_DISABLED';

interface RequestErrorDetails {
  /** A more specific reason, such as which limit. */
  readonly reason?: string;
  /** What the request would cost, and the limit that it exceeds. */
  readonly cost?: number;
  readonly limit?: number;
  /** The HTTP status of the response. Defaults to Yoga's choice. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that Regway itself rejects. The message contains nothing from the request, so `answerError` keeps it. */
export class GraphqlRequestError extends GraphQLError {
  constructor(
    code: RequestErrorCode,
    message: string,
    { reason, cost, limit, status, headers }: RequestErrorDetails = {},
  ) {
    super(message, {
      extensions: {
        code,
        ...(reason === undefined ? {} : { reason }),
        ...(cost === undefined ? {} : { cost }),
        ...(limit === undefined ? {} : { limit }),
        // `spec: false` makes Yoga keep the status for `application/json` too.
        ...(status === undefined
          ? {}
          : { http: { status, spec: false, ...(headers === undefined ? {} : { headers }) } }),
      },
    });
  }
}

/** The log for internal errors. */
export interface GraphqlLog {
  error(fields: object, message: string): void;
}

interface AnswerContext {
  readonly requestId: string;
  readonly log: GraphqlLog;
  readonly sentence: RequestErrorSentence;
}

/**
 * Translates one error into the one that the caller sees. Every error of every response passes here.
 * An internal error is logged without its message, because database drivers print parameters there, and masked with the request ID.
 */
export function answerError(error: unknown, context: AnswerContext): GraphQLError {
  const cause = deepestCause(error);
  if (cause instanceof Problem) return withPlace(error, advisedMessage(graphqlWords, cause), problemExtensions(cause));
  if (cause instanceof GraphqlRequestError) return withPlace(error, cause.message, ownExtensions(cause));
  if (error instanceof GraphQLError && cause instanceof GraphQLError && isAboutTheRequest(error)) {
    return withPlace(error, context.sentence(error), requestExtensions(error));
  }
  // The client disconnected, which aborted its validation. No one reads this response.
  if (cause instanceof DOMException && cause.name === 'AbortError')
    return withPlace(error, 'The request was canceled.', { code: 'BAD_REQUEST' });
  context.log.error({ requestId: context.requestId, ...faultFields(cause) }, 'A GraphQL request failed unexpectedly');
  return withPlace(error, 'Internal error. The server log has the details under this request ID.', {
    code: 'INTERNAL_SERVER_ERROR',
    requestId: context.requestId,
    ...(error instanceof GraphQLError && error.path !== undefined ? {} : { http: { status: 500 } }),
  });
}

function deepestCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? deepestCause(error.originalError) : error;
}

/** Errors with a path come from running fields, where the caller is responsible only for an invalid argument. */
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

/** Sets `spec: false`, because Yoga sets `spec` on whatever parsing throws, which would turn the status into 200 for `application/json`. */
function ownExtensions({ extensions: { http, ...rest } }: GraphqlRequestError): Record<string, unknown> {
  return http === undefined ? rest : { ...rest, http: { ...http, spec: false } };
}

function requestExtensions({ extensions }: GraphQLError): Record<string, unknown> {
  const { code, http } = extensions;
  return { code: requestCode(code, http), ...(http === undefined ? {} : { http }) };
}

/** Names a mutation by GET, which Yoga reports as a bad request with status 405. */
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
