// Requests a registry token from a token server and reads the response (Docker Registry token authentication).
// https://distribution.github.io/distribution/spec/auth/token/

import { isRecord, parseJson } from '../../core/shared/json.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { isEncoded, jsonBody, type UpstreamResponse, type UpstreamClient } from '../transport/client.ts';
import { basicAuthorization } from './http-authentication.ts';
import { getWithinOrigin } from './session.ts';

export interface TokenRequest {
  /** The token server; `isRealmAllowed` has allowed it. */
  readonly realm: URL;
  /** As in the challenge; undefined if it named none. */
  readonly service: string | undefined;
  /** `repository:<name>:pull`; undefined requests a token without any permission, which only authenticates. */
  readonly scope: string | undefined;
  /** Undefined for an anonymous request. */
  readonly credential: Credential | undefined;
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

/** A token that the registry accepts as Bearer. */
export interface RegistryToken {
  readonly token: Secret;
  /** Seconds from its receipt; at least 60. */
  readonly expiresInSeconds: number;
  /** Seconds that the token server itself states; 60 if it states none. */
  readonly statedSeconds: number;
  /** When the token server says that it issued the token, in epoch milliseconds; undefined if it does not. */
  readonly issuedAtMs: number | undefined;
}

/** The token, or the response that refuses it. */
export type TokenResponse =
  | { readonly granted: true; readonly token: RegistryToken }
  | { readonly granted: false; readonly response: UpstreamResponse };

/** Seconds; the token specification's default, and the least that a server should use. */
const minLifetimeSeconds = 60;

/** Seconds; 10 years. A longer life is a mistake, or means that the token never ends. */
const maxLifetimeSeconds = 10 * 365 * 24 * 60 * 60;

/** Characters. Node and most registries accept 16 KiB of headers in total. */
const maxTokenLength = 16 * 1024;

const clientId = 'regway';

/** Returns the scope to pull from a repository, or to read the catalog if it is null. Regway never requests any other. */
export function pullScope(repository: string | null): string {
  return repository === null ? 'registry:catalog:*' : `repository:${repository}:pull`;
}

/**
 * Sends one token request and never retries it. Returns any response but a success for the caller to interpret.
 * @throws UpstreamFailure `TOKEN_ENDPOINT_ERROR` or `RESPONSE_TOO_LARGE` for an unusable token, and as `UpstreamClient.get`.
 */
export async function requestToken(client: UpstreamClient, request: TokenRequest): Promise<TokenResponse> {
  const { credential } = request;
  const posted =
    credential !== undefined && isIdentityToken(credential)
      ? await postIdentityToken(client, request, credential)
      : undefined;
  // Azure's token server accepts its null GUID with Basic as well, as `docker login` sends it; other servers only so.
  const isRefusedNullGuid = credential?.username === nullGuid && [400, 401].includes(posted?.status ?? 0);
  const response = posted === undefined || isRefusedNullGuid ? await getToken(client, request) : posted;
  // Self-made servers answer a login with 201 Created.
  if (response.status < 200 || response.status > 299) return { granted: false, response };
  return { granted: true, token: readToken(response, request.realm.host) };
}

function getToken(client: UpstreamClient, request: TokenRequest): Promise<UpstreamResponse> {
  const { credential, maxBodyBytes, signal } = request;
  const authorization = credential === undefined ? undefined : basicAuthorization(credential);
  return getWithinOrigin(client, { url: tokenUrl(request), authorization, maxBodyBytes, signal });
}

const nullGuid = '00000000-0000-0000-0000-000000000000';

/** The usernames under which Docker and Azure store an identity token in the place of a password. */
const identityUsernames: ReadonlySet<string> = new Set(['<token>', nullGuid]);

/** Returns whether the password of a credential is an identity token (refresh token): it logs in by its own grant. */
export function isIdentityToken({ username }: Pick<Credential, 'username'>): boolean {
  return identityUsernames.has(username);
}

/** Statuses of token servers that have no POST. */
const withoutPost: ReadonlySet<number> = new Set([404, 405, 501]);

/**
 * Logs in with an identity token (distribution "OAuth2 Token Authentication"). Returns undefined if the server has no such login, so that
 * nothing was rejected yet.
 */
async function postIdentityToken(
  client: UpstreamClient,
  { realm, service, scope, maxBodyBytes, signal }: TokenRequest,
  { password }: Credential,
): Promise<UpstreamResponse | undefined> {
  const fields: Record<string, string> = { grant_type: 'refresh_token', client_id: clientId };
  if (service !== undefined && service !== '') fields['service'] = service;
  if (scope !== undefined) fields['scope'] = scope;
  const form = new Secret(String(new URLSearchParams({ ...fields, refresh_token: password.reveal() })));
  const url = new URL(realm);
  url.searchParams.delete('scope');
  const response = await getWithinOrigin(client, { url, form, maxBodyBytes, signal });
  const isUnsupported = response.status === 400 && jsonBody(response)?.['error'] === 'unsupported_grant_type';
  return withoutPost.has(response.status) || isUnsupported ? undefined : response;
}

/** Returns the realm with its own query, except a scope, which is not the registry's choice. */
function tokenUrl({ realm, service, scope, credential }: TokenRequest): URL {
  const url = new URL(realm);
  url.searchParams.delete('scope');
  if (service !== undefined && service !== '') url.searchParams.set('service', service);
  // Never an empty scope: Google's servers reject it.
  if (scope !== undefined) url.searchParams.set('scope', scope);
  url.searchParams.set('client_id', clientId);
  if (credential !== undefined) url.searchParams.set('account', credential.username);
  return url;
}

function readToken(response: UpstreamResponse, host: string): RegistryToken {
  if (response.isTruncated) throw new UpstreamFailure('RESPONSE_TOO_LARGE', { host });
  if (isEncoded(response)) throw unusable(host, 'its response is compressed although identity was requested');
  const body = jsonBody(response);
  if (body === undefined) throw unusable(host, 'its response is not JSON');
  const tokens = [body['token'], body['access_token']].filter(
    (value) => typeof value === 'string' && value !== '',
  ) as string[];
  const [token] = tokens;
  if (token === undefined) throw unusable(host, 'its response contains no token');
  if (new Set(tokens).size > 1) throw unusable(host, 'its response contains two different tokens');
  if (token.length > maxTokenLength || !/^[\x21-\x7e]+$/.test(token))
    throw unusable(host, 'its token does not fit a header');
  const statedSeconds = lifetimeSeconds(body['expires_in']);
  return {
    token: new Secret(token),
    expiresInSeconds: Math.max(minLifetimeSeconds, statedSeconds),
    statedSeconds,
    issuedAtMs: issuedAt(body['issued_at']),
  };
}

/** Reads a number of seconds, which some servers write as text; less than one is no life. */
function lifetimeSeconds(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' && /^\d{1,15}$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  return typeof seconds === 'number' && seconds >= 1
    ? Math.min(Math.floor(seconds), maxLifetimeSeconds)
    : minLifetimeSeconds;
}

/** Reads an RFC 3339 time. Without an offset, Date.parse would take it for the time zone of this server. */
function issuedAt(value: unknown): number | undefined {
  const isTime = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T.*(?:Z|[+-]\d{2}:\d{2})$/i.test(value);
  const atMs = isTime ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}

/**
 * Returns until when a token received at `nowMs` lives, in epoch milliseconds. `issued_at` counts only where it shortens the life: a clock that is
 * ahead of the server's own, or so far behind that the token would have ended, is wrong.
 */
export function expiryOf({ issuedAtMs }: RegistryToken, seconds: number, nowMs: number): number {
  const fromReceiptMs = nowMs + seconds * 1000;
  const fromIssueMs = issuedAtMs === undefined ? fromReceiptMs : issuedAtMs + seconds * 1000;
  return fromIssueMs > nowMs && fromIssueMs < fromReceiptMs ? fromIssueMs : fromReceiptMs;
}

/**
 * Returns the `sub` of a token that is a JWT, or undefined for an opaque or anonymous token. Only evidence: the signature is not verified.
 * https://distribution.github.io/distribution/spec/auth/jwt/
 */
export function tokenSubject(token: Secret): string | undefined {
  const subject = claimsOf(token)?.['sub'];
  return typeof subject === 'string' && subject !== '' ? subject : undefined;
}

/** Returns whether a token that is a JWT says that it allows to pull a repository, or undefined if it says nothing. Only evidence, as `tokenSubject`. */
export function grantsPull(token: Secret, repository: string | null): boolean | undefined {
  const access = claimsOf(token)?.['access'];
  if (!Array.isArray(access) || !access.every(isRecord)) return undefined;
  return access.some(
    ({ type, name, actions }) =>
      type === 'repository' &&
      name === repository &&
      Array.isArray(actions) &&
      (actions.includes('pull') || actions.includes('*')),
  );
}

function claimsOf(token: Secret): Record<string, unknown> | undefined {
  const [, payload = ''] = token.reveal().split('.');
  const claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
  return isRecord(claims) ? claims : undefined;
}

function unusable(host: string, reason: string): UpstreamFailure {
  return new UpstreamFailure('TOKEN_ENDPOINT_ERROR', { host, reason, retryable: false });
}
