// Maps error codes of Microsoft Entra and Azure's registries to advice for the owner of the stored identity.

import { type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { advise, type CloudAdvice, type CloudFailure, later, notIssued, shownCode } from '../failure.ts';

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes, RFC 6749 §4.1.2.1, §5.2 */
const adviceByCode: Readonly<Record<string, CloudAdvice>> = {
  AADSTS7000215: advise('USE_SECRET_VALUE'),
  AADSTS7000222: advise('RENEW_CLIENT_SECRET'),
  AADSTS700016: advise('CHECK_APP'),
  AADSTS90002: advise('CHECK_TENANT'),
  AADSTS700024: advise('CORRECT_CLOCK', { retryable: true }),
  AADSTS7000112: advise('ENABLE_APP'),
  AADSTS53003: advise('ALLOW_CONDITIONAL_ACCESS'),
  AADSTS90006: later,
  AADSTS90024: later,
  AADSTS90033: later,
  invalid_client: advise('CHECK_CLIENT_SECRET'),
  unauthorized_client: advise('CHECK_APP'),
  identity_not_found: advise('ASSIGN_MANAGED_IDENTITY'),
  invalid_request: advise('CHECK_APP'),
  server_error: later,
  temporarily_unavailable: later,
  UNAUTHORIZED: advise('ASSIGN_PULL_ROLE'),
  DENIED: advise('ASSIGN_PULL_ROLE'),
  TOOMANYREQUESTS: { ...later, isRateLimit: true },
};

/** A code of Azure without advice of its own. */
const otherwise: CloudAdvice = { advice: [{ kind: 'LOOK_UP_CODE', provider: 'Azure' }] };

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

function adviceFor(code: string | undefined): CloudAdvice | undefined {
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
