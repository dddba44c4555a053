// Maps error codes of Microsoft Entra and Azure's registries to advice for the owner of the stored identity.

import { CloudFailure, shownCode } from '../failure.ts';
import type { Advice } from '../failure.ts';
import { type HttpsResponse, jsonObject } from '../../transport/https-client.ts';

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const adviceByCode: Readonly<Record<string, Advice>> = {
  AADSTS7000215: { hint: 'The secret is wrong. Store the value of the client secret, not its id.' },
  AADSTS7000222: { hint: 'The secret has expired: create a new one for the app and store it.' },
  AADSTS700016: { hint: 'The tenant knows no such app: check app id and tenant.' },
  AADSTS90002: { hint: 'There is no such tenant in this cloud: check it, and the ending of the host (io, cn or us).' },
  AADSTS700024: { hint: 'Check the clock of this server.', retryable: true },
  AADSTS7000112: { hint: 'The app is disabled: enable it, or use another one.' },
  AADSTS53003: { hint: 'A conditional access policy forbids the login: let this server through.' },
  invalid_client: { hint: 'Check the secret of the service principal, and whether it has expired.' },
  unauthorized_client: { hint: 'Check app id and tenant.' },
  identity_not_found: { hint: 'This machine has no such managed identity: assign one, or check the client id.' },
  invalid_request: { hint: 'Check tenant and app id, or the client id of the managed identity.' },
  UNAUTHORIZED: { hint: 'Give the identity the role AcrPull on the registry, and see that both belong to one tenant.' },
  DENIED: { hint: 'Give the identity the role AcrPull on the registry, and let this server through its firewall.' },
};

/**
 * What an error answer says to a person. Its description is not shown: it may repeat the request.
 * @param secrets Everything secret that the request held.
 */
export function azureFailure(provider: string, response: HttpsResponse, secrets: readonly string[]): CloudFailure {
  const code = codeOf(jsonObject(response), secrets);
  const known = code !== undefined && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const advice = known ?? {
    hint: 'Look the code up in the documentation of Azure; check again later.',
    retryable: response.status >= 500 || response.status === 429,
  };
  return new CloudFailure(
    `${provider} gave no login for the stored identity (${code ?? `HTTP ${response.status}`}).`,
    advice,
  );
}

/** Entra's number where there is one, else its OAuth code, else the code of a registry's error. */
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
