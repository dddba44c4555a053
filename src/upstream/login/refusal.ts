// Names the answers of registries and token servers that are not a success.

import { isRecord } from '../../core/shared/json.ts';
import { type CheckedOutcome, errorCodes, type UpstreamErrorCode, UpstreamFailure } from '../errors/failure.ts';
import { firstHeader, jsonBody, type UpstreamResponse } from '../transport/client.ts';
import type { RegistrySession } from './session.ts';

/** How long Docker Hub blocks logins after too many failed ones. */
const lockoutMs = 15 * 60 * 1000;

/** Longest wait that is believed: rate limits count in hours, and a later date is a mistake or a joke. */
const maxRetryAfterMs = 24 * 60 * 60 * 1000;

/** Names an answer to the anonymous `GET /v2/` that is neither 200 nor 401. */
export function pingRefusal(session: RegistrySession, answer: UpstreamResponse, url: URL): UpstreamFailure {
  const named = generalRefusal(session, answer, url);
  if (named !== undefined) return named;
  if (answer.status === 403) return fail('UPSTREAM_FORBIDDEN', answer, session.target.host);
  return new UpstreamFailure('NOT_A_V2_REGISTRY', {
    host: url.host,
    reason: `HTTP ${answer.status} from ${url.pathname}`,
  });
}

/**
 * Names a registry's answer, other than a success, to a request that carried the credential or a token for it.
 * @param wasAccepted Whether the credential has been accepted somewhere before, so that only the right to do this is missing.
 */
export function registryRefusal(
  session: RegistrySession,
  answer: UpstreamResponse,
  url: URL,
  wasAccepted: boolean,
): UpstreamFailure {
  const { host } = session.target;
  const named = generalRefusal(session, answer, url);
  if (named !== undefined) return named;
  // A registry that answers 400 to a credential, as ECR Public does to a stale token, means the credential.
  if (answer.status === 400 || (answer.status === 401 && !wasAccepted))
    return fail('INVALID_CREDENTIALS', answer, host);
  if ([401, 403, 405].includes(answer.status)) return fail('INSUFFICIENT_SCOPE', answer, host);
  return new UpstreamFailure('UPSTREAM_ERROR', {
    host: url.host,
    reason: `HTTP ${answer.status} from ${url.pathname}`,
  });
}

/**
 * Names a token server's answer, other than a success, to a request with the credential.
 * @param wasAccepted As in `registryRefusal`.
 */
export function tokenRefusal(
  session: RegistrySession,
  answer: UpstreamResponse,
  realm: URL,
  wasAccepted: boolean,
): UpstreamFailure {
  const { status } = answer;
  if (isLimit(answer)) return limitRefusal(session, answer, realm.host);
  if (status === 403 && isWebPage(answer)) return fail('UPSTREAM_FORBIDDEN', answer, realm.host);
  // GitHub answers 403 to a wrong token; RFC-abiding servers 401.
  if (status === 401 || status === 403)
    return fail(wasAccepted ? 'INSUFFICIENT_SCOPE' : 'INVALID_CREDENTIALS', answer, session.target.host);
  return new UpstreamFailure('TOKEN_ENDPOINT_ERROR', {
    host: realm.host,
    reason: `HTTP ${status}`,
    retryable: status >= 500,
    detail: upstreamErrorCode(answer),
  });
}

/** Whether a body is meant for a browser. */
export function isWebPage(answer: UpstreamResponse): boolean {
  return (firstHeader(answer, 'content-type') ?? '').toLowerCase().includes('html');
}

function generalRefusal(session: RegistrySession, answer: UpstreamResponse, url: URL): UpstreamFailure | undefined {
  const { status } = answer;
  if (isLimit(answer)) return limitRefusal(session, answer, url.host);
  if (status >= 300 && status < 400)
    return new UpstreamFailure('REDIRECTED', { host: url.host, otherHost: redirectHost(session, answer, url) });
  if (status >= 500)
    return new UpstreamFailure('UPSTREAM_ERROR', {
      host: url.host,
      reason: `HTTP ${status}`,
      detail: upstreamErrorCode(answer),
    });
  return undefined;
}

function isLimit(answer: UpstreamResponse): boolean {
  return answer.status === 429 || (answer.status === 403 && isLockout(answer));
}

function limitRefusal(session: RegistrySession, answer: UpstreamResponse, host: string): UpstreamFailure {
  const nowMs = session.now().getTime();
  const named = retryAfterOf(answer, nowMs);
  const detail = upstreamErrorCode(answer);
  if (!isLockout(answer)) return new UpstreamFailure('RATE_LIMITED', { host, detail, retryAfter: named });
  return new UpstreamFailure('LOCKED_OUT', { host, detail, retryAfter: named ?? nowMs + lockoutMs });
}

/** Docker Hub's sentence; its status alone looks like any rate limit. */
function isLockout(answer: UpstreamResponse): boolean {
  return /too many failed login/i.test(answer.body.toString('latin1'));
}

/** RFC 9110 §10.2.3: seconds or a date. */
function retryAfterOf(answer: UpstreamResponse, nowMs: number): number | null {
  const value = firstHeader(answer, 'retry-after')?.trim() ?? '';
  const atMs = /^\d{1,9}$/.test(value) ? nowMs + Number(value) * 1000 : Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.min(Math.max(atMs, nowMs), nowMs + maxRetryAfterMs);
}

/** The host alone: a path could hold anything. */
function redirectHost(session: RegistrySession, answer: UpstreamResponse, url: URL): string | null {
  const host = URL.parse(firstHeader(answer, 'location') ?? '', url)?.host ?? '';
  return host === '' ? null : session.redact(host);
}

function fail(outcome: CheckedOutcome, answer: UpstreamResponse, host: string): UpstreamFailure {
  return new UpstreamFailure(outcome, { host, status: answer.status, detail: upstreamErrorCode(answer) });
}

/**
 * The code of an error answer (distribution-spec "Error Codes"), or null. Nothing else of a body is ever shown or stored: its message
 * may hold the password that was just sent, in a form that no filter knows.
 */
export function upstreamErrorCode(answer: UpstreamResponse): UpstreamErrorCode | null {
  const errors = jsonBody(answer)?.['errors'];
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return (isRecord(first) && errorCodes.find((code) => code === first['code'])) || null;
}
