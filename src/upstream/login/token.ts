// Requests a registry token from a token server and reads the response (Docker Registry token authentication).
// https://distribution.github.io/distribution/spec/auth/token/

import { isRecord, parseJson } from '../../core/shared/json.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { isEncoded, jsonBody, type UpstreamResponse, type UpstreamClient } from '../transport/client.ts';
import { basicAuthorization } from './http-authentication.ts';

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
}

/** The token, or the response that refuses it. */
export type TokenResponse =
  | { readonly granted: true; readonly token: RegistryToken }
  | { readonly granted: false; readonly response: UpstreamResponse };

/** Seconds; the token specification's default, and the least that a server should use. */
const minLifetimeSeconds = 60;

/** Characters. Node and most registries accept 16 KiB of headers in total. */
const maxTokenLength = 16 * 1024;

const clientId = 'regway';

/** Returns the only scope that Regway ever requests. */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/**
 * Sends one token request and never retries it. Returns any response but HTTP 200 for the caller to interpret.
 * @throws UpstreamFailure `TOKEN_ENDPOINT_ERROR` or `RESPONSE_TOO_LARGE` for an unusable token, and as `UpstreamClient.get`.
 */
export async function requestToken(client: UpstreamClient, request: TokenRequest): Promise<TokenResponse> {
  const { credential, maxBodyBytes, signal } = request;
  const authorization = credential === undefined ? undefined : basicAuthorization(credential);
  const response = await client.get({ url: tokenUrl(request), authorization, maxBodyBytes, signal });
  if (response.status !== 200) return { granted: false, response };
  return { granted: true, token: readToken(response, request.realm.host) };
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
  return { token: new Secret(token), expiresInSeconds: lifetimeSeconds(body['expires_in']) };
}

function lifetimeSeconds(expiresIn: unknown): number {
  return typeof expiresIn === 'number' && Number.isFinite(expiresIn)
    ? Math.max(minLifetimeSeconds, Math.floor(expiresIn))
    : minLifetimeSeconds;
}

/**
 * Returns the `sub` of a token that is a JWT, or undefined for an opaque or anonymous token. Only evidence: the signature is not verified.
 * https://distribution.github.io/distribution/spec/auth/jwt/
 */
export function tokenSubject(token: Secret): string | undefined {
  const [, payload = ''] = token.reveal().split('.');
  const claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
  const subject = isRecord(claims) ? claims['sub'] : undefined;
  return typeof subject === 'string' && subject !== '' ? subject : undefined;
}

function unusable(host: string, reason: string): UpstreamFailure {
  return new UpstreamFailure('TOKEN_ENDPOINT_ERROR', { host, reason, retryable: false });
}
