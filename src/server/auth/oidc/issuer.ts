// Fetches the metadata (OpenID Connect Discovery §4) and the keys (RFC 7517 §5) of one issuer when first needed, and refreshes them.

import { createLocalJWKSet, type CryptoKey, errors, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose';
import { z } from 'zod';
import { codeOrNameOf } from '../../../core/shared/fault.ts';
import { isFitUrl, type IssuerSettings } from './settings.ts';
import { createSwrCache, type SwrCache } from './swr-cache.ts';

/** The members of the metadata that Regway uses. The others are passed on unchanged. */
const metadataSchema = z
  .object({
    issuer: z.string(),
    jwks_uri: z.string(),
    authorization_endpoint: z.string().exactOptional(),
    token_endpoint: z.string().exactOptional(),
    token_endpoint_auth_methods_supported: z.array(z.string()).exactOptional(),
  })
  .catchall(z.json());
export type IssuerMetadata = z.infer<typeof metadataSchema>;

/** A trusted issuer. */
export interface Issuer {
  readonly settings: IssuerSettings;
  /** Returns the metadata. @throws NothingCached while the issuer is not reachable and no cached value is usable. */
  metadata(): Promise<IssuerMetadata>;
  /** Returns the public key that a token names, for jose. @throws NothingCached; errors of jose if the issuer has no such key. */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
}

/** The ports of an issuer. */
export interface IssuerDependencies {
  readonly http: IssuerHttp;
  /** Returns milliseconds of a clock that only runs forward. */
  readonly monotonicMs: () => number;
  readonly log: IssuerLog;
}

/** The log of issuers that fail. */
export interface IssuerLog {
  warn(fields: object, message: string): void;
}

/** In milliseconds. A key that the issuer has removed is rejected at most 5 minutes later. */
const freshKeysMs = 5 * 60 * 1000;
/** In milliseconds. URLs of endpoints rarely change. */
const freshMetadataMs = 60 * 60 * 1000;
/** In milliseconds. While an issuer is down, its tokens are accepted for a day; longer, and a key that was stolen and removed could stay valid. */
const maxAgeMs = 24 * 60 * 60 * 1000;
/** In milliseconds. Unauthenticated callers can make up key IDs, so the issuer is contacted at most this often. A new key can be unknown for as long. */
const cooldownMs = 30 * 1000;

type Keys = ReturnType<typeof createLocalJWKSet>;

/** Creates an issuer. Requests nothing yet: the issuer need not be reachable when the server starts. */
export function createIssuer(settings: IssuerSettings, { http, monotonicMs, log }: IssuerDependencies): Issuer {
  // Messages are omitted from the log, because they can contain a part of the response.
  const createCache = <Value extends object>(
    content: string,
    freshMs: number,
    load: () => Promise<Value>,
  ): SwrCache<Value> =>
    createSwrCache({
      load,
      freshMs,
      maxAgeMs,
      cooldownMs,
      monotonicMs,
      onFailure: (error) =>
        log.warn(
          { issuer: settings.issuer, errorCode: codeOrNameOf(error) },
          `the ${content} of an issuer could not be fetched; cached ones are used for at most a day`,
        ),
    });
  const metadata = createCache('metadata', freshMetadataMs, () => loadMetadata(settings, http));
  const keys = createCache('keys', freshKeysMs, async () =>
    loadKeys(http, settings.jwksUri ?? (await metadata.get()).jwks_uri),
  );
  return {
    settings,
    metadata: () => metadata.get(),
    key: (header, token) => findKey(keys, header, token),
  };
}

async function findKey(
  keys: SwrCache<Keys>,
  header: JWSHeaderParameters,
  token: FlattenedJWSInput,
): Promise<CryptoKey> {
  const known = await keys.get();
  try {
    return await known(header, token);
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    const renewed = await keys.renew();
    if (renewed === known) throw error;
    return await renewed(header, token);
  }
}

async function loadKeys(http: IssuerHttp, url: string): Promise<Keys> {
  const keys = await loadJson(http, url);
  // jose validates the shape now, and each key when it is used.
  return createLocalJWKSet(keys as Parameters<typeof createLocalJWKSet>[0]);
}

async function loadMetadata({ issuer }: IssuerSettings, http: IssuerHttp): Promise<IssuerMetadata> {
  const metadata = metadataSchema.parse(
    await loadJson(http, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
  );
  // OpenID Connect Discovery §4.3: the issuer must be exactly the same.
  if (metadata.issuer !== issuer) throw new Error('The metadata is of another issuer.');
  const endpoints = [metadata.jwks_uri, metadata.authorization_endpoint, metadata.token_endpoint].filter(
    (url) => url !== undefined,
  );
  if (!endpoints.every((url) => isFitUrl(url))) throw new Error('The metadata names an endpoint without HTTPS.');
  return metadata;
}

async function loadJson(http: IssuerHttp, url: string): Promise<unknown> {
  const response = await http.send(url, {
    method: 'GET',
    headers: { accept: 'application/json, application/jwk-set+json' },
  });
  if (response.status !== 200)
    throw Object.assign(new Error('An issuer did not respond with HTTP 200.'), { code: `HTTP_${response.status}` });
  return response.json();
}

/** A request to an issuer. */
export interface IssuerRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The port that sends requests to issuers. */
export interface IssuerHttp {
  /**
   * Sends a request and returns the response. Redirects are not followed.
   * @throws Error for a URL that is not allowed, and for a response that is too large, too late, or missing.
   */
  send(url: string, request: IssuerRequest): Promise<Response>;
  close(): Promise<void>;
}
