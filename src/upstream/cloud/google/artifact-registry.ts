// Issues logins for Google Artifact Registry and gcr.io: exchanges a service account's key, or the server's own identity, for an access token of one hour.
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest (RFC 7523)

import { sign } from 'node:crypto';
import type { Credential } from '../../../core/validation/validator.ts';
import { formRequest, type HttpsClient, type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { ambientIsOff, unfitHost, unusable, unusableMetadata } from '../failure.ts';
import { checkedMinting, type CloudProvider, issued, type MintedCredential, sendToCloud } from '../provider.ts';
import { googleFailure } from './errors.ts';
import { type GoogleKey, parseGoogleKey } from './service-account-key.ts';

/** The settings of the Google provider. */
export interface GcrSettings {
  readonly http: HttpsClient;
  /** Whether registries may use the server's own identity. */
  readonly ambient: boolean;
  readonly now: () => Date;
  /** Defaults to Google's own. Never read from a key, whose `token_uri` could be any address. */
  readonly tokenUrl?: URL | undefined;
  /** Defaults to the metadata server of a Google machine. */
  readonly metadataOrigin?: URL | undefined;
}

/** Anchored at both ends and without a port, because a token for a whole cloud project must be sent only to Google. */
const hostPattern = /^(?:(?:us|eu|asia)\.)?gcr\.io$|^[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?-docker\.pkg\.dev$/;

/** The required claim `aud`, whichever address is contacted. */
const audience = 'https://oauth2.googleapis.com/token';

/** The scope that Google's own credential helper requests. The roles of the service account limit the token. */
const scope = 'https://www.googleapis.com/auth/cloud-platform';

/** Maximum lifetime in seconds of an assertion that Google accepts and of a token that it issues. */
const maxLifeSeconds = 3600;

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The username that means that the password is an access token. */
const tokenUsername = 'oauth2accesstoken';

/** Creates the provider. Opens no connection yet. */
export function createGcr(settings: GcrSettings): CloudProvider {
  return {
    async issueLogin(host, credential, signal) {
      if (!hostPattern.test(host)) throw unfitHost('Google', 'europe-docker.pkg.dev or gcr.io');
      const minted =
        credential.username === 'gcpauto'
          ? await requestMetadataToken(settings, signal)
          : await exchangeKey(settings, credential, signal);
      return { ...minted, message: issued('Google', minted) };
    },
  };
}

async function exchangeKey(
  { http, now, tokenUrl }: GcrSettings,
  credential: Credential,
  signal: AbortSignal,
): Promise<MintedCredential> {
  const key = parseGoogleKey(credential);
  const assertion = signAssertion(key, now());
  const form = formRequest({ grant_type: grantType, assertion });
  const response = await sendToCloud(http, 'Google', { url: tokenUrl ?? new URL(audience), ...form, signal });
  if (response.status !== 200)
    throw googleFailure(response, [assertion, credential.password.reveal()], now().getTime());
  return readToken(response, now());
}

/** Signs an assertion (RFC 7515 §3.1, RFC 7523 §3). */
function signAssertion({ keyId, email, privateKey }: GoogleKey, now: Date): string {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = { iss: email, scope, aud: audience, iat: issuedAt, exp: issuedAt + maxLifeSeconds };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

/** https://cloud.google.com/compute/docs/access/authenticate-workloads#applications */
async function requestMetadataToken(
  { http, ambient, now, metadataOrigin }: GcrSettings,
  signal: AbortSignal,
): Promise<MintedCredential> {
  if (!ambient) throw ambientIsOff('REGWAY_GCP_AMBIENT');
  const url = new URL(
    '/computeMetadata/v1/instance/service-accounts/default/token',
    metadataOrigin ?? 'http://metadata.google.internal',
  );
  const response = await sendToCloud(http, 'The Google metadata server', {
    method: 'GET',
    url,
    headers: { 'metadata-flavor': 'Google' },
    signal,
  });
  if (response.headers['metadata-flavor'] !== 'Google')
    throw unusable('The Google metadata server', 'the server at its address is not Google');
  if (response.status !== 200)
    throw unusableMetadata(
      'The Google metadata server',
      `HTTP ${response.status}: this machine may have no service account`,
      response,
      now().getTime(),
    );
  return readToken(response, now());
}

function readToken(response: HttpsResponse, now: Date): MintedCredential {
  const { access_token: token, expires_in: expiresIn } = jsonObject(response);
  const expiresMs = typeof expiresIn === 'number' ? now.getTime() + expiresIn * 1000 : Number.NaN;
  return checkedMinting(
    'Google',
    { username: tokenUsername, secret: typeof token === 'string' ? token : '', expiresMs },
    now.getTime(),
    maxLifeSeconds * 1000,
  );
}
