// Maps error codes of Microsoft Entra and Azure's registries to advice for the owner of the stored identity.

import { type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { type Advice, type CloudFailure, later, notIssued, shownCode } from '../failure.ts';

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes, RFC 6749 §4.1.2.1, §5.2 */
const adviceByCode: Readonly<Record<string, Advice>> = {
  AADSTS7000215: { hint: 'Store the value of the client secret, not its ID: the stored secret is wrong.' },
  AADSTS7000222: { hint: 'Create a new client secret for the app and store it: the stored one has expired.' },
  AADSTS700016: { hint: 'Check the app ID and tenant: the tenant has no such app.' },
  AADSTS90002: { hint: 'Check the tenant, and the ending of the host (io, cn, or us): this cloud has no such tenant.' },
  AADSTS700024: { hint: 'Check the clock of this server.', retryable: true },
  AADSTS7000112: { hint: 'Enable the app, or use another one: it is disabled.' },
  AADSTS53003: { hint: 'Allow this server in the conditional access policy that denied the login.' },
  AADSTS90006: later,
  AADSTS90024: later,
  AADSTS90033: later,
  invalid_client: { hint: 'Check the secret of the service principal, and whether it has expired.' },
  unauthorized_client: { hint: 'Check the app ID and tenant.' },
  identity_not_found: {
    hint: 'Assign a managed identity to this machine, or check the client ID: it has no such identity.',
  },
  invalid_request: { hint: 'Check the tenant and app ID, or the client ID of the managed identity.' },
  server_error: later,
  temporarily_unavailable: later,
  UNAUTHORIZED: {
    hint: 'Assign the role AcrPull on the registry to the identity, and check that both belong to the same tenant.',
  },
  DENIED: { hint: 'Assign the role AcrPull on the registry to the identity, and allow this server in its firewall.' },
  TOOMANYREQUESTS: { ...later, isRateLimit: true },
};

/** A code of Azure without advice of its own. */
const otherwise: Advice = { hint: 'Look up the code in the Azure documentation, or try again later.' };

/**
 * Converts an error response to a CloudFailure with its code and advice. Does not show its description, which may repeat the request.
 * @param secrets every secret that the request contained.
 */
export function azureFailure(
  provider: string,
  response: HttpsResponse,
  secrets: readonly string[],
  nowMs: number,
): CloudFailure {
  const [code, ...others] = codesOf(jsonObject(response), secrets);
  const advice = adviceFor(code) ?? others.map(adviceFor).find((other) => other?.retryable === true) ?? otherwise;
  const message = `${provider} issued no login for the stored identity (${code ?? `HTTP ${response.status}`}).`;
  return notIssued(message, advice, response, nowMs);
}

function adviceFor(code: string | undefined): Advice | undefined {
  return code !== undefined && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
}

/** Returns Entra's error number, its OAuth code, and the code of a registry error: the most specific one first. */
function codesOf(
  { error_codes: numbers, error, errors }: Record<string, unknown>,
  secrets: readonly string[],
): readonly string[] {
  const [number] = Array.isArray(numbers) ? numbers : [];
  const isNumber = typeof number === 'number' && Number.isSafeInteger(number) && number > 0;
  const [first] = Array.isArray(errors) ? errors : [];
  const registryCode = typeof first === 'object' && first !== null && 'code' in first ? first.code : undefined;
  const words = [shownCode(error, secrets), shownCode(registryCode, secrets)];
  return [...(isNumber ? [`AADSTS${number}`] : []), ...words.filter((word) => word !== undefined)];
}
