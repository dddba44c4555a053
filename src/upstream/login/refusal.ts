// Maps unsuccessful responses of registries and token servers to failures.

import { acceptedHost, registryHost } from '../../core/registry/host.ts';
import { isRecord } from '../../core/shared/json.ts';
import { type CheckedOutcome, errorCodes, type UpstreamErrorCode, UpstreamFailure } from '../errors/failure.ts';
import { firstHeader, jsonBody, type UpstreamResponse } from '../transport/client.ts';
import { parseRetryAfter } from '../transport/retry-after.ts';
import { endpointOf } from './endpoint.ts';
import type { RegistrySession } from './session.ts';

/** Milliseconds for which Docker Hub blocks logins after too many failed ones. */
const lockoutMs = 15 * 60 * 1000;

/** Returns the failure behind a response to an anonymous request of the API that is neither 200 nor 401. */
export function pingRefusal(session: RegistrySession, response: UpstreamResponse, url: URL): UpstreamFailure {
  const named = generalRefusal(session, response, url);
  if (named !== undefined) return named;
  if (response.status === 403) return fail('UPSTREAM_FORBIDDEN', response, session.target.host);
  return new UpstreamFailure('NOT_A_V2_REGISTRY', {
    host: url.host,
    reason: `HTTP ${response.status} from ${url.pathname}`,
  });
}

/**
 * Returns the failure behind a registry's unsuccessful response to a request with the credential or a token for it.
 * @param wasAccepted Whether the credential has been accepted before, so that a rejection means a missing permission.
 */
export function registryRefusal(
  session: RegistrySession,
  response: UpstreamResponse,
  url: URL,
  wasAccepted: boolean,
): UpstreamFailure {
  const { host } = session.target;
  const named = generalRefusal(session, response, url);
  if (named !== undefined) return named;
  // A 400 to a request with a credential is about the credential: ECR Public sends it for a stale token.
  if (response.status === 400 || (response.status === 401 && !wasAccepted))
    return fail('INVALID_CREDENTIALS', response, host);
  if ([401, 403, 405].includes(response.status)) return fail('INSUFFICIENT_SCOPE', response, host);
  return new UpstreamFailure('UPSTREAM_ERROR', {
    host: url.host,
    status: response.status,
    reason: `HTTP ${response.status} from ${url.pathname}`,
    retryable: isPassing(response.status),
  });
}

/**
 * Returns the failure behind a token server's unsuccessful response to a request with the credential.
 * @param wasAccepted As in `registryRefusal`.
 */
export function tokenRefusal(
  session: RegistrySession,
  response: UpstreamResponse,
  realm: URL,
  wasAccepted: boolean,
): UpstreamFailure {
  const { status } = response;
  if (isLimit(response)) return limitRefusal(session, response, realm.host);
  if (status === 403 && isWebPage(response)) return fail('UPSTREAM_FORBIDDEN', response, realm.host);
  // GitHub answers 403 to a wrong token; RFC-abiding servers 401, and 400 to an identity token that has ended.
  if (status === 401 || status === 403 || isInvalidGrant(response))
    return fail(wasAccepted ? 'INSUFFICIENT_SCOPE' : 'INVALID_CREDENTIALS', response, session.target.host);
  return new UpstreamFailure('TOKEN_ENDPOINT_ERROR', {
    host: realm.host,
    status,
    reason: `HTTP ${status}`,
    retryable: isPassing(status),
    detail: upstreamErrorCode(response),
    retryAfter: retryAfterOf(response, session.now().getTime()),
  });
}

/** Whether an OAuth2 server rejects the identity token itself (RFC 6749 §5.2). */
function isInvalidGrant(response: UpstreamResponse): boolean {
  return response.status === 400 && jsonBody(response)?.['error'] === 'invalid_grant';
}

/** Returns whether a body is meant for a browser. */
export function isWebPage(response: UpstreamResponse): boolean {
  return (firstHeader(response, 'content-type') ?? '').toLowerCase().includes('html');
}

function generalRefusal(session: RegistrySession, response: UpstreamResponse, url: URL): UpstreamFailure | undefined {
  const { status } = response;
  if (isLimit(response)) return limitRefusal(session, response, url.host);
  if (status >= 300 && status < 400)
    return new UpstreamFailure('REDIRECTED', { host: url.host, ...redirectFacts(session, response, url) });
  if (status >= 500)
    return new UpstreamFailure('UPSTREAM_ERROR', {
      host: url.host,
      status,
      reason: `HTTP ${status}`,
      retryable: isPassing(status),
      detail: upstreamErrorCode(response),
      retryAfter: retryAfterOf(response, session.now().getTime()),
    });
  return undefined;
}

/** Statuses below 500 that are about the connection or the moment (RFC 9110 §15.5.9, §15.5.20; RFC 8470 §5.2). */
const ofTheMoment: ReadonlySet<number> = new Set([408, 421, 425]);

/** Statuses above 500 of a server that lacks what the request needs, or of a loop of proxies (RFC 9110 §15.6.2, §15.6.6; RFC 5842 §7.2). */
const lasting: ReadonlySet<number> = new Set([501, 505, 508]);

/** Returns whether the same request can succeed later. */
function isPassing(status: number): boolean {
  return (status >= 500 && !lasting.has(status)) || ofTheMoment.has(status);
}

/** Returns the failure behind a response of a rate limit, with any status; undefined for any other response. */
export function limitOf(session: RegistrySession, response: UpstreamResponse, url: URL): UpstreamFailure | undefined {
  return isLimit(response) ? limitRefusal(session, response, url.host) : undefined;
}

/** Statuses that also come with a limit that says so only in words. */
const wordyStatuses: ReadonlySet<number> = new Set([400, 401, 403]);

function isLimit(response: UpstreamResponse): boolean {
  const { status } = response;
  if (status < 400) return false;
  if (status === 429 || upstreamErrorCode(response) === 'TOOMANYREQUESTS') return true;
  if (status === 403 && firstHeader(response, 'retry-after') !== undefined) return true;
  return wordyStatuses.has(status) && (isLockout(response) || saysLimit(response));
}

/** Recognizes GitHub's secondary rate limit and its like. A name of a repository has no space, so none is taken for a limit. */
function saysLimit(response: UpstreamResponse): boolean {
  return /\brate limit|\btoo many requests/i.test(response.body.toString('latin1'));
}

function limitRefusal(session: RegistrySession, response: UpstreamResponse, host: string): UpstreamFailure {
  const nowMs = session.now().getTime();
  const named = retryAfterOf(response, nowMs);
  const facts = { host, status: response.status, detail: upstreamErrorCode(response) };
  if (!isLockout(response)) return new UpstreamFailure('RATE_LIMITED', { ...facts, retryAfter: named });
  return new UpstreamFailure('LOCKED_OUT', { ...facts, retryAfter: named ?? nowMs + lockoutMs });
}

/** Recognizes Docker Hub's sentence, because its status is that of any rate limit. */
function isLockout(response: UpstreamResponse): boolean {
  return /too many failed login/i.test(response.body.toString('latin1'));
}

/** Reads Retry-After as epoch milliseconds; null if absent. */
export function retryAfterOf(response: UpstreamResponse, nowMs: number): number | null {
  return parseRetryAfter(firstHeader(response, 'retry-after') ?? '', nowMs);
}

/** Returns only the host, because a path could contain anything. It is usable as the registry only if the API itself answers there, with TLS. */
function redirectFacts(
  { redact, target }: RegistrySession,
  response: UpstreamResponse,
  from: URL,
): { otherHost: string | null; usableHost: string | null } {
  const to = URL.parse(firstHeader(response, 'location') ?? '', from);
  const shown = to === null || to.host === '' ? null : redact(to.host);
  if (to === null || shown === null) return { otherHost: null, usableHost: null };
  if (to.protocol !== 'https:') return { otherHost: `${to.protocol}//${shown}`, usableHost: null };
  const isApi = /^\/v2(?:\/|$)/.test(to.pathname);
  const host = acceptedHost(shown, registryHost) ?? acceptedHost(`${shown}:443`, registryHost);
  const isOther = host !== null && host !== target.host && endpointOf(host).origin === to.origin;
  return { otherHost: shown, usableHost: isApi && isOther ? host : null };
}

function fail(outcome: CheckedOutcome, response: UpstreamResponse, host: string): UpstreamFailure {
  return new UpstreamFailure(outcome, { host, status: response.status, detail: upstreamErrorCode(response) });
}

/**
 * Returns the code of an error response (distribution-spec "Error Codes"), or null. Nothing else of a body is ever shown or stored, because its
 * message can contain the password that was just sent, in a form that no redactor knows.
 */
export function upstreamErrorCode(response: UpstreamResponse): UpstreamErrorCode | null {
  const errors = jsonBody(response)?.['errors'];
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return (isRecord(first) && errorCodes.find((code) => code === first['code'])) || null;
}
