// Maps problems to the errors of the distribution specification, in one table, and sends them.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { LoginNotIssued } from '../../core/registry/report.ts';
import { retryAfterSeconds } from '../../core/shared/rate-limit.ts';
import { Problem, type ProblemCode } from '../../core/shared/problem.ts';
import { sendJson } from '../http/response.ts';
import { problemMessage } from './advice.ts';

/** The codes of the specification, plus UNAVAILABLE and UNKNOWN of Docker for failures without one. */
export type OciCode =
  | 'BLOB_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

/** An error as a client of the pull endpoint sees it. */
export class OciError extends Error {
  override readonly name = 'OciError';
  readonly status: number;
  /** A code of the table, or one that the upstream sent. */
  readonly code: string;
  readonly headers: OutgoingHttpHeaders;
  /** The status of the upstream's response, if the error is about one. */
  readonly upstreamStatus: number | undefined;

  constructor(
    status: number,
    code: OciCode | (string & {}),
    message: string,
    headers: OutgoingHttpHeaders = {},
    upstreamStatus?: number,
  ) {
    super(message);
    this.upstreamStatus = upstreamStatus;
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

type Row = readonly [status: number, code: OciCode];

/** Only Regway's own authentication is a 401, which makes clients authenticate at Regway again; Docker prompts for a password on UNAUTHORIZED. */
const problems: Readonly<Record<ProblemCode, Row>> = {
  UNAUTHENTICATED: [401, 'UNAUTHORIZED'],
  FORBIDDEN: [403, 'DENIED'],
  LIMIT_EXCEEDED: [403, 'DENIED'],
  NOT_FOUND: [404, 'NAME_UNKNOWN'],
  INVALID_REGISTRY: [400, 'NAME_INVALID'],
  INVALID_REFERENCE: [400, 'NAME_INVALID'],
  INVALID_INPUT: [400, 'NAME_INVALID'],
  ALREADY_EXISTS: [400, 'UNSUPPORTED'],
  PASSWORD_REQUIRED: [400, 'UNSUPPORTED'],
  VALIDATION_FAILED: [502, 'UNAVAILABLE'],
  CONFLICT: [503, 'UNAVAILABLE'],
  RATE_LIMITED: [429, 'TOOMANYREQUESTS'],
  SECRET_UNREADABLE: [503, 'UNAVAILABLE'],
  UPSTREAM_FAILED: [502, 'UNAVAILABLE'],
  STORAGE_UNAVAILABLE: [503, 'UNAVAILABLE'],
};

/** Reasons of `UPSTREAM_FAILED` with a status of their own. Every other one is 503 if it can pass, else 502, which containerd never repeats. */
const upstreamReasons: Readonly<Record<string, Row>> = {
  INVALID_CREDENTIALS: [403, 'DENIED'],
  INSUFFICIENT_SCOPE: [403, 'DENIED'],
  NATIVE_CREDENTIAL_ERROR: [403, 'DENIED'],
  UPSTREAM_FORBIDDEN: [403, 'DENIED'],
  LOGIN_REQUIRED: [403, 'DENIED'],
  FORBIDDEN_ADDRESS: [403, 'DENIED'],
  FORBIDDEN_REALM: [403, 'DENIED'],
  PLAIN_HTTP: [403, 'DENIED'],
  RATE_LIMITED: [429, 'TOOMANYREQUESTS'],
  LOCKED_OUT: [429, 'TOOMANYREQUESTS'],
  TIMEOUT: [504, 'UNAVAILABLE'],
};

const unavailable: Row = [503, 'UNAVAILABLE'];

/** Statuses that clients repeat: containerd, Podman, Skopeo, and crane all of them, Docker each but 429. */
const repeated: ReadonlySet<number> = new Set([429, 503, 504]);

/** Milliseconds after which a client is to repeat a request for which the upstream named no time. As long as Regway leaves a cloud alone then. */
const repeatAfterMs = 10_000;

/**
 * Maps an error to the one that the client sees, or returns undefined for an internal error.
 * @param nowMs The current time in milliseconds since 1970, for Retry-After.
 */
export function toOciError(error: unknown, nowMs: number): OciError | undefined {
  if (error instanceof OciError) return error;
  if (!(error instanceof Problem)) return undefined;
  const [status, code] = error.code === 'UPSTREAM_FAILED' ? upstreamRow(error) : problems[error.code];
  const retryAfter = error.retryAfter ?? (repeated.has(status) ? nowMs + repeatAfterMs : undefined);
  const headers = retryAfter === undefined ? {} : { 'Retry-After': retryAfterSeconds(retryAfter, nowMs) };
  return new OciError(status, code, problemMessage(error), headers);
}

/** An upstream that is only unavailable for a time stays so for the client, which then tries again instead of giving up (RFC 9110 §15.6.4). */
function upstreamRow(problem: Problem): Row {
  const { reason = '', retryAfter, retryable } = problem;
  // A cloud that is busy or unavailable says nothing about the credential.
  if (problem instanceof LoginNotIssued && retryable) return problem.isRateLimit ? problems.RATE_LIMITED : unavailable;
  const named = upstreamReasons[reason];
  if (named !== undefined) return named;
  return retryable || retryAfter !== undefined ? unavailable : problems.UPSTREAM_FAILED;
}

/** Sends an error in the JSON of the specification, and discards the rest of the request's body. */
export function sendOciError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message, headers }: OciError,
): void {
  sendJson(response, status, { errors: [{ code, message }] }, headers);
  // A client that is still sending reads the response only if its body is consumed.
  request.resume();
}
