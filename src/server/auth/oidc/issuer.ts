// Fetches the metadata (OpenID Connect Discovery §4) and the keys (RFC 7517 §5) of one issuer when first needed, and follows their changes.

import { createLocalJWKSet, type CryptoKey, errors, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose';
import { z } from 'zod';
import { codeOrNameOf } from '../../../core/shared/fault.ts';
import { isFitUrl, type IssuerSettings } from './settings.ts';
import { createSwrCache, type SwrCache } from './swr-cache.ts';

/** The part of the metadata that anything here uses; the rest is kept as it came. */
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

export interface Issuer {
  readonly settings: IssuerSettings;
  /** @throws NothingCached while the issuer is not reachable and no cached value is usable. */
  metadata(): Promise<IssuerMetadata>;
  /** The public key that a token names, for jose. @throws NothingCached, and errors of jose when it has no such key. */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
}

export interface IssuerTools {
  readonly http: IssuerHttp;
  readonly now: () => Date;
  readonly log: IssuerLog;
}

export interface IssuerLog {
  warn(fields: object, message: string): void;
}

/** A key that the issuer has removed is refused this much later at most. */
const freshKeysMs = 5 * 60 * 1000;
/** Addresses of endpoints hardly ever change. */
const freshMetadataMs = 60 * 60 * 1000;
/** While an issuer is down, logins that it gave before go on for a day; longer, and a key that was stolen and removed might live on. */
const maxAgeMs = 24 * 60 * 60 * 1000;
/** Strangers can make up key ids: however many, the issuer is asked no more often than this. It also is how long a new key may be unknown. */
const cooldownMs = 30 * 1000;

type Keys = ReturnType<typeof createLocalJWKSet>;

/** Creates an issuer. Requests nothing yet: the issuer need not be reachable when the server starts. */
export function createIssuer(settings: IssuerSettings, { http, now, log }: IssuerTools): Issuer {
  // Messages are left out of the log: they may hold a piece of the answer.
  const keep = <Value extends object>(what: string, freshMs: number, load: () => Promise<Value>): SwrCache<Value> =>
    createSwrCache({
      load,
      freshMs,
      maxAgeMs,
      cooldownMs,
      now,
      onFailure: (error) =>
        log.warn(
          { issuer: settings.issuer, errorCode: codeOrNameOf(error) },
          `the ${what} of an issuer could not be fetched; those of before are used for a day`,
        ),
    });
  const metadata = keep('metadata', freshMetadataMs, () => loadMetadata(settings, http));
  const keys = keep('keys', freshKeysMs, async () =>
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
  // jose checks the shape, and each key as it is used.
  return createLocalJWKSet(keys as Parameters<typeof createLocalJWKSet>[0]);
}

async function loadMetadata({ issuer }: IssuerSettings, http: IssuerHttp): Promise<IssuerMetadata> {
  const metadata = metadataSchema.parse(
    await loadJson(http, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
  );
  // OpenID Connect Discovery §4.3: exactly the same, or it speaks for another.
  if (metadata.issuer !== issuer) throw new Error('The metadata is of another issuer.');
  const endpoints = [metadata.jwks_uri, metadata.authorization_endpoint, metadata.token_endpoint].filter(
    (url) => url !== undefined,
  );
  if (!endpoints.every((url) => isFitUrl(url))) throw new Error('The metadata names an endpoint without https.');
  return metadata;
}

async function loadJson(http: IssuerHttp, url: string): Promise<unknown> {
  const answer = await http.send(url, {
    method: 'GET',
    headers: { accept: 'application/json, application/jwk-set+json' },
  });
  if (answer.status !== 200)
    throw Object.assign(new Error('An issuer did not answer 200.'), { code: `HTTP_${answer.status}` });
  return answer.json();
}

export interface IssuerRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface IssuerHttp {
  /** @throws Error for an address that is not fit, an answer that is too large or late, or none. A redirect is an answer like another. */
  send(url: string, request: IssuerRequest): Promise<Response>;
  close(): Promise<void>;
}
