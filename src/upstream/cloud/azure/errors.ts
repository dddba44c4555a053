// Maps error codes of Microsoft Entra and Azure's registries to advice for the owner of the stored identity.

import { CloudFailure, shownCode } from '../failure.ts';
import type { Advice } from '../failure.ts';
import { type HttpsResponse, jsonObject } from '../../transport/https-client.ts';

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const adviceByCode: Readonly<Record<string, Advice>> = {
  AADSTS7000215: { hint: 'Store the value of the client secret, not its ID: the stored secret is wrong.' },
  AADSTS7000222: { hint: 'Create a new client secret for the app and store it: the stored one has expired.' },
  AADSTS700016: { hint: 'Check the app ID and tenant: the tenant has no such app.' },
  AADSTS90002: { hint: 'Check the tenant, and the ending of the host (io, cn, or us): this cloud has no such tenant.' },
  AADSTS700024: { hint: 'Check the clock of this server.', retryable: true },
  AADSTS7000112: { hint: 'Enable the app, or use another one: it is disabled.' },
  AADSTS53003: { hint: 'Allow this server in the conditional access policy that denied the login.' },
  invalid_client: { hint: 'Check the secret of the service principal, and whether it has expired.' },
  unauthorized_client: { hint: 'Check the app ID and tenant.' },
  identity_not_found: {
    hint: 'Assign a managed identity to this machine, or check the client ID: it has no such identity.',
  },
  invalid_request: { hint: 'Check the tenant and app ID, or the client ID of the managed identity.' },
  UNAUTHORIZED: {
    hint: 'Assign the role AcrPull on the registry to the identity, and check that both belong to the same tenant.',
  },
  DENIED: { hint: 'Assign the role AcrPull on the registry to the identity, and allow this server in its firewall.' },
};

/**
 * Converts an error response to a CloudFailure with its code and advice. Does not show its description, which may repeat the request.
 * @param secrets every secret that the request contained.
 */
export function azureFailure(provider: string, response: HttpsResponse, secrets: readonly string[]): CloudFailure {
  const code = codeOf(jsonObject(response), secrets);
  const known = code !== undefined && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const advice = known ?? {
    hint: 'Look up the code in the Azure documentation, or try again later.',
    retryable: response.status >= 500 || response.status === 429,
  };
  return new CloudFailure(
    `${provider} issued no login for the stored identity (${code ?? `HTTP ${response.status}`}).`,
    advice,
  );
}

/** Returns Entra's error number if present, else its OAuth code, else the code of a registry error. */
function codeOf(
  { error_codes: numbers, error, errors }: Record<string, unknown>,
  secrets: readonly string[],
): string | undefined {
  const [number] = Array.isArray(numbers) ? numbers : [];
  if (typeof number === 'number' && Number.isSafeInteger(number) && number > 0) return `AADSTS${number}`;
  const [first] = Array.isArray(errors) ? errors : [];
  const registryCode = typeof first === 'object' && first !== null && 'code' in first ? first.code : undefined;
  return shownCode(error, secrets) ?? shownCode(registryCode, secrets);
}
