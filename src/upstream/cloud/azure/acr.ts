// Issues logins for Azure Container Registry: exchanges the token of a service principal, or of the server's managed identity, for a refresh token of the registry.
// https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md

import type { Credential } from '../../../core/validation/validator.ts';
import { formRequest, type HttpsClient, type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { unfitHost, unusable } from '../failure.ts';
import {
  checkedMinting,
  type CloudProvider,
  issued,
  type MintedCredential,
  type Minting,
  sendToCloud,
} from '../provider.ts';
import { azureFailure } from './errors.ts';
import { type AcrHost, parseAcrHost } from './host.ts';
import { type AcrIdentity, parseAcrIdentity } from './identity.ts';

/** The settings of the Azure provider. */
export interface AcrSettings {
  readonly http: HttpsClient;
  /** Whether registries may use the server's managed identity. */
  readonly ambient: boolean;
  readonly now: () => Date;
  /** The login server. Defaults to the cloud's own. */
  readonly authority?: URL | undefined;
  /** Defaults to the metadata server of an Azure machine. */
  readonly metadataOrigin?: URL | undefined;
  /** Defaults to `https://` and the host. */
  readonly registryOrigin?: ((host: string) => URL) | undefined;
}

/** The username that means that the password is a refresh token. */
const tokenUsername = '00000000-0000-0000-0000-000000000000';

/** Maximum lifetime in milliseconds: refresh tokens of the registry are valid for 3 hours. */
const maxLifeMs = 3 * 60 * 60 * 1000;

/** Milliseconds after which a service principal that is sent to the registry unchanged is read again. */
const staticLifeMs = 60 * 60 * 1000;

/** Creates the provider. Opens no connection yet. */
export function createAcr(settings: AcrSettings): CloudProvider {
  return {
    async issueLogin(host, credential, signal) {
      const place = parseAcrHost(host);
      if (place === undefined) throw unfitHost('Azure', 'example.azurecr.io');
      const identity = parseAcrIdentity(credential, settings.ambient);
      if (identity.kind === 'static') return passOn(credential, settings.now());
      const secrets = [credential.password.reveal()];
      const token = await requestEntraToken(settings, place, identity, secrets, signal);
      const minted = await exchange(settings, host, token, [...secrets, token], signal);
      return { ...minted, message: issued('Azure', minted) };
    },
  };
}

/** Returns a service principal without a tenant unchanged: only the registry knows its tenant, and accepts it as username and password. */
function passOn({ username, password }: Credential, now: Date): Minting {
  const expiresAt = new Date(now.getTime() + staticLifeMs);
  return {
    username,
    secret: password,
    expiresAt,
    isStored: true,
    message: 'The service principal has no tenant, so it is sent to the registry unchanged.',
  };
}

async function requestEntraToken(
  settings: AcrSettings,
  place: AcrHost,
  identity: Exclude<AcrIdentity, { kind: 'static' }>,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const request =
    identity.kind === 'managed'
      ? managedRequest(settings, place, identity.clientId)
      : principalRequest(settings, place, identity);
  const provider = identity.kind === 'managed' ? 'The Azure metadata server' : 'Microsoft Entra';
  const response = await sendToCloud(settings.http, provider, { ...request, signal });
  if (response.status !== 200) throw azureFailure(provider, response, secrets, settings.now().getTime());
  const { access_token: token } = jsonObject(response);
  if (typeof token !== 'string' || token === '') throw unusable(provider, 'its response contains no token');
  return token;
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
function principalRequest(
  { authority }: AcrSettings,
  place: AcrHost,
  { tenant, clientId, clientSecret }: Extract<AcrIdentity, { kind: 'principal' }>,
) {
  const url = new URL(`/${tenant}/oauth2/v2.0/token`, authority ?? place.authority);
  return {
    url,
    ...formRequest({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${place.audience}/.default`,
    }),
  };
}

/** https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
function managedRequest({ metadataOrigin }: AcrSettings, place: AcrHost, clientId: string | undefined) {
  const url = new URL('/metadata/identity/oauth2/token', metadataOrigin ?? 'http://169.254.169.254');
  url.search = new URLSearchParams({
    'api-version': '2018-02-01',
    resource: place.audience,
    ...(clientId === undefined ? {} : { client_id: clientId }),
  }).toString();
  return { method: 'GET', url, headers: { metadata: 'true' } };
}

async function exchange(
  { http, now, registryOrigin }: AcrSettings,
  host: string,
  token: string,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<MintedCredential> {
  const url = new URL('/oauth2/exchange', registryOrigin?.(host) ?? `https://${host}`);
  const { tid: tenant } = claimsOf(token);
  const fields = {
    grant_type: 'access_token',
    service: host,
    ...(typeof tenant === 'string' ? { tenant } : {}),
    access_token: token,
  };
  const response = await sendToCloud(http, 'The registry', { url, ...formRequest(fields), signal });
  if (response.status !== 200) throw azureFailure('The registry', response, secrets, now().getTime());
  return readRefreshToken(response, now().getTime());
}

function readRefreshToken(response: HttpsResponse, nowMs: number): MintedCredential {
  const { refresh_token: token } = jsonObject(response);
  const secret = typeof token === 'string' ? token : '';
  const { exp } = claimsOf(secret);
  return checkedMinting(
    'Azure',
    { username: tokenUsername, secret, expiresMs: typeof exp === 'number' ? exp * 1000 : Number.NaN },
    nowMs,
    maxLifeMs,
  );
}

/** Returns the claims of a JWT without verifying it. Only its expiry and tenant are used, which matter only to its issuer. */
function claimsOf(token: string): Record<string, unknown> {
  return jsonObject({ body: Buffer.from(token.split('.')[1] ?? '', 'base64url') });
}
