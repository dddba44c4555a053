// Issues logins for Google Artifact Registry and gcr.io: exchanges a service account's key, or the server's own identity, for an access token of one hour.
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest (RFC 7523)

import { sign } from 'node:crypto';
import type { Credential } from '../../../core/validation/validator.ts';
import { formRequest, type HttpsClient, type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { type Advice, ambientIsOff, CloudFailure, shownCode, unfitHost, unusable } from '../failure.ts';
import { checkedMinting, type CloudProvider, issued, type MintedCredential, sendToCloud } from '../provider.ts';
import { type GoogleKey, parseGoogleKey } from './service-account-key.ts';

export interface GcrSettings {
  readonly http: HttpsClient;
  /** Whether records may use the identity of this server. */
  readonly ambient: boolean;
  readonly now: () => Date;
  /** Default: Google's own. Never taken from a key, whose `token_uri` could be any address. */
  readonly tokenUrl?: URL | undefined;
  /** Default: the metadata server of a Google machine. */
  readonly metadataOrigin?: URL | undefined;
}

/** Anchored at both ends and without a port: a token for a whole cloud project must go to Google and nowhere else. */
const hostPattern = /^(?:(?:us|eu|asia)\.)?gcr\.io$|^[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?-docker\.pkg\.dev$/;

/** What `aud` has to say, whichever address is dialled. */
const audience = 'https://oauth2.googleapis.com/token';

/** What Google's own credential helper asks for. The roles of the service account decide what the token may do. */
const scope = 'https://www.googleapis.com/auth/cloud-platform';

/** Google accepts no assertion, and issues no token, that lives longer. */
const maxLifeSeconds = 3600;

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The registry's name for "the password is an access token". */
const tokenUsername = 'oauth2accesstoken';

/** Opens nothing yet. */
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
  if (response.status !== 200) throw refusal(response, [assertion, credential.password.reveal()]);
  return readToken(response, now());
}

/** RFC 7515 §3.1, RFC 7523 §3. */
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
    throw unusable('The Google metadata server', 'what answers there is not Google');
  if (response.status !== 200)
    throw unusable('The Google metadata server', `HTTP ${response.status}: this machine may have no service account`);
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

/** RFC 6749 §5.2. The description is not shown: it may repeat the assertion. */
const adviceByCode: Readonly<Record<string, Advice>> = {
  invalid_grant: {
    hint: 'The key was deleted, has expired or belongs to a deleted service account; or the clock of this server is wrong. Create a new key if the clock is right.',
  },
  invalid_client: { hint: 'Google does not know the service account: create a new key.' },
  unauthorized_client: {
    hint: 'The service account may not use this kind of login: check the policies of its organization.',
  },
  access_denied: {
    hint: 'A policy of the organization forbids the key: use another identity, or ask its administrators.',
  },
  rate_limit_exceeded: { hint: 'Google limits how often it may be asked: check again later.', retryable: true },
};

function refusal(response: HttpsResponse, secrets: readonly string[]): CloudFailure {
  const code = shownCode(jsonObject(response)['error'], secrets);
  const known = code !== undefined && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const advice = known ?? {
    hint: 'Check again later; if it stays, look at the service account in the Google Cloud console.',
    retryable: response.status >= 500 || response.status === 429,
  };
  return new CloudFailure(`Google gave no login for the stored key (${code ?? `HTTP ${response.status}`}).`, advice);
}
