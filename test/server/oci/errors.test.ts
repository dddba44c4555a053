// Every failure of a pull as its client gets it: what can pass is sent with a status that clients repeat and with the time to wait, and nothing else is.

import { expect, it } from 'vitest';
import { AdvisedProblem, LoginNotIssued, skippedReport } from '../../../src/core/registry/report.ts';
import { Problem, type ProblemCode, problemCodes } from '../../../src/core/shared/problem.ts';
import { toOciError } from '../../../src/server/oci/errors.ts';
import { type CheckedOutcome, type OutcomeFacts, UpstreamFailure } from '../../../src/upstream/errors/failure.ts';
import { toProblem } from '../../../src/upstream/pull/response.ts';
import { sourceOf } from '../../upstream/pulling.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');

type Row = readonly [status: number, code: string, retryAfter: number | undefined];
type Case = readonly [name: string, facts: Partial<OutcomeFacts>, row: Row];

const denied: Row = [403, 'DENIED', undefined];
const final: Row = [502, 'UNAVAILABLE', undefined];
const passing: Row = [503, 'UNAVAILABLE', 10];

/** An outcome without a case does not compile. */
const outcomes: Readonly<Record<CheckedOutcome, readonly Case[]>> = {
  // These are no failures, so no pull ends with them.
  VALID: [],
  VALID_UNPROVEN: [],
  NO_AUTH_REQUIRED: [],
  INVALID_CREDENTIALS: [['', {}, denied]],
  INSUFFICIENT_SCOPE: [['', {}, denied]],
  UPSTREAM_FORBIDDEN: [['', { status: 403 }, denied]],
  RATE_LIMITED: [['', { status: 429 }, [429, 'TOOMANYREQUESTS', 10]]],
  LOCKED_OUT: [['', { status: 429 }, [429, 'TOOMANYREQUESTS', 10]]],
  DNS_FAILURE: [
    ['without an answer', { retryable: true }, passing],
    ['of a name that does not exist', { retryable: false }, final],
  ],
  UNREACHABLE: [['', {}, passing]],
  TIMEOUT: [['', {}, [504, 'UNAVAILABLE', 10]]],
  TLS_UNTRUSTED: [['', {}, final]],
  TLS_HOSTNAME: [['', {}, final]],
  TLS_EXPIRED: [['', {}, final]],
  TLS_PROTOCOL: [['', {}, final]],
  PLAIN_HTTP: [['', {}, denied]],
  CONNECTION_CLOSED: [['', {}, passing]],
  NOT_A_V2_REGISTRY: [['', {}, final]],
  REDIRECTED: [['', {}, final]],
  UNSUPPORTED_CHALLENGE: [['', {}, final]],
  FORBIDDEN_REALM: [['', {}, denied]],
  FORBIDDEN_ADDRESS: [['', {}, denied]],
  TOKEN_ENDPOINT_ERROR: [
    ['of a token server that is busy', { status: 503, retryable: true }, passing],
    ['of one that issues no token', { status: 404, retryable: false }, final],
  ],
  UPSTREAM_ERROR: [
    ['of a fault', { status: 500, retryable: true }, passing],
    ['of a redirect to nowhere', {}, final],
    ['of a violation of HTTP', { protocolFault: 'HTTP2_ONLY' }, final],
  ],
  RESPONSE_TOO_LARGE: [['', {}, final]],
  NATIVE_CREDENTIAL_ERROR: [['', {}, denied]],
};

const cases = Object.entries(outcomes).flatMap(([outcome, all]) =>
  all.map(([name, facts, row]) => [outcome as CheckedOutcome, name, facts, row] as const),
);

async function failed(outcome: CheckedOutcome, facts: Partial<OutcomeFacts>): Promise<unknown> {
  const failure = new UpstreamFailure(outcome, facts);
  return toProblem(sourceOf('registry.test'), () => Promise.reject(failure)).catch((error: unknown) => error);
}

function sent(error: unknown) {
  const answer = toOciError(error, nowMs);
  return [answer?.status, answer?.code, answer?.headers['Retry-After']];
}

it.each(cases)('%s %s', async (outcome, _name, facts, row) => {
  expect(sent(await failed(outcome, facts))).toEqual(row);
});

it.each(cases)('%s %s keeps the time that its upstream named', async (outcome, _name, facts, [status, code]) => {
  const error = await failed(outcome, { ...facts, retryAfter: nowMs + 17_000 });
  // Only what can pass has such a time.
  expect(sent(error)).toEqual(status === 502 ? [503, 'UNAVAILABLE', 17] : [status, code, 17]);
});

const codes: Readonly<Record<ProblemCode, Row>> = {
  UNAUTHENTICATED: [401, 'UNAUTHORIZED', undefined],
  FORBIDDEN: denied,
  LIMIT_EXCEEDED: denied,
  NOT_FOUND: [404, 'NAME_UNKNOWN', undefined],
  INVALID_REGISTRY: [400, 'NAME_INVALID', undefined],
  INVALID_REFERENCE: [400, 'NAME_INVALID', undefined],
  INVALID_INPUT: [400, 'NAME_INVALID', undefined],
  ALREADY_EXISTS: [400, 'UNSUPPORTED', undefined],
  PASSWORD_REQUIRED: [400, 'UNSUPPORTED', undefined],
  VALIDATION_FAILED: final,
  CONFLICT: passing,
  RATE_LIMITED: [429, 'TOOMANYREQUESTS', 10],
  SECRET_UNREADABLE: passing,
  UPSTREAM_FAILED: final,
  STORAGE_UNAVAILABLE: passing,
};

it.each(problemCodes)('a problem %s', (code) => {
  expect(sent(new Problem(code, 'x'))).toEqual(codes[code]);
});

it.each([
  ['that can pass', { retryable: true }, false, passing],
  ['of a limit', { retryable: true }, true, [429, 'TOOMANYREQUESTS', 10]],
  ['that is final', { retryable: false }, false, denied],
] as const)('a cloud failure %s', (_name, more, isRateLimit, row) => {
  const report = { ...skippedReport(nowMs), outcome: 'NATIVE_CREDENTIAL_ERROR', ...more } as const;
  expect(sent(new LoginNotIssued(report, isRateLimit))).toEqual(row);
});

it('what Regway itself has no connection for is 503, and an unknown reason is final', () => {
  const retryAfter = nowMs + 2_000;
  expect(sent(new Problem('UPSTREAM_FAILED', 'x', { reason: 'BUSY', retryAfter, retryable: true }))).toEqual([
    503,
    'UNAVAILABLE',
    2,
  ]);
  expect(sent(new AdvisedProblem('UPSTREAM_FAILED', 'x', [], { reason: 'NEW' }))).toEqual(final);
});
