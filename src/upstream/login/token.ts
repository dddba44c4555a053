// Asks a token server for a registry token and reads its answer.
// https://distribution.github.io/distribution/spec/auth/token/

import { isRecord, parseJson } from '../../core/shared/json.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { isEncoded, jsonBody, type UpstreamResponse, type UpstreamClient } from '../transport/client.ts';
import { basicAuthorization } from './http-authentication.ts';

export interface TokenRequest {
  /** Where to ask; `isRealmAllowed` has allowed it. */
  readonly realm: URL;
  /** As in the challenge; undefined when it named none. */
  readonly service: string | undefined;
  /** `repository:<name>:pull`; undefined asks who the caller is and nothing else. */
  readonly scope: string | undefined;
  /** Undefined asks as an anonymous client. */
  readonly credential: Credential | undefined;
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

export interface RegistryToken {
  readonly token: Secret;
  /** Seconds from its receipt. */
  readonly expiresInSeconds: number;
}

export type TokenAnswer =
  | { readonly granted: true; readonly token: RegistryToken }
  | { readonly granted: false; readonly answer: UpstreamResponse };

/** The token specification's default, and the least that clients may assume. */
const minLifetimeSeconds = 60;

/** Node and most registries take 16 KiB of headers in all. */
const maxTokenLength = 16 * 1024;

const clientId = 'regway';

/** The one scope that this system ever asks for. */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/**
 * Sends one token request. Any answer but HTTP 200 is given back for the caller to judge; nothing is tried twice.
 * @throws UpstreamFailure `TOKEN_ENDPOINT_ERROR` or `RESPONSE_TOO_LARGE` for an unusable token, and as `UpstreamClient.get`.
 */
export async function requestToken(client: UpstreamClient, request: TokenRequest): Promise<TokenAnswer> {
  const { credential, maxBodyBytes, signal } = request;
  const authorization = credential === undefined ? undefined : basicAuthorization(credential);
  const answer = await client.get({ url: tokenUrl(request), authorization, maxBodyBytes, signal });
  if (answer.status !== 200) return { granted: false, answer };
  return { granted: true, token: readToken(answer, request.realm.host) };
}

/** The realm with its own query kept, except a scope: what we ask for is not the registry's choice. */
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

function readToken(answer: UpstreamResponse, host: string): RegistryToken {
  if (answer.isTruncated) throw new UpstreamFailure('RESPONSE_TOO_LARGE', { host });
  if (isEncoded(answer)) throw unusable(host, 'its answer is compressed although that was declined');
  const body = jsonBody(answer);
  if (body === undefined) throw unusable(host, 'its answer is not JSON');
  const tokens = [body['token'], body['access_token']].filter(
    (value) => typeof value === 'string' && value !== '',
  ) as string[];
  const [token] = tokens;
  if (token === undefined) throw unusable(host, 'its answer holds no token');
  if (new Set(tokens).size > 1) throw unusable(host, 'its answer holds two different tokens');
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
 * Whom a token speaks of: the `sub` of a JWT, or undefined for an opaque or an anonymous one. Evidence, not trust: the signature is not checked.
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
