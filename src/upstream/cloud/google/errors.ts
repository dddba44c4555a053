// Maps OAuth error codes of Google (RFC 6749 §5.2) to advice for the owner of the stored key.

import { type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { advise, type CloudAdvice, type CloudFailure, later, notIssued, shownCode } from '../failure.ts';

const adviceByCode: Readonly<Record<string, CloudAdvice>> = {
  // Google says the same of an assertion that its clock finds too old or too new, mostly with a sentence.
  invalid_grant: { advice: [{ kind: 'CREATE_SERVICE_ACCOUNT_KEY' }, { kind: 'CORRECT_CLOCK' }] },
  invalid_client: advise('CREATE_SERVICE_ACCOUNT_KEY'),
  unauthorized_client: advise('CHECK_ORGANIZATION_POLICY'),
  access_denied: advise('CHECK_ORGANIZATION_POLICY'),
  rate_limit_exceeded: { ...later, isRateLimit: true },
  internal_failure: later,
  server_error: later,
  temporarily_unavailable: later,
};

const skewed = advise('CORRECT_CLOCK', { retryable: true });

/** An error code of Google without advice of its own. */
const otherwise = advise('CHECK_SERVICE_ACCOUNT');

/**
 * Converts an error response to a CloudFailure with its code and advice. Does not show its description, which may repeat the assertion.
 * @param secrets every secret that the request contained.
 */
export function googleFailure(response: HttpsResponse, secrets: readonly string[], nowMs: number): CloudFailure {
  const { error, error_description: description } = jsonObject(response);
  const code = shownCode(error, secrets);
  const known = code !== undefined && Object.hasOwn(adviceByCode, code) ? adviceByCode[code] : undefined;
  const advice = isSkew(code, description) ? skewed : (known ?? otherwise);
  const message = `Google issued no login for the stored key (${code ?? `HTTP ${response.status}`}).`;
  return notIssued(message, advice, response, nowMs);
}

/** Returns whether the clock is wrong. Google has no code for this, so a piece of its sentence decides: "Token must be a short-lived token (60 minutes) and in a reasonable timeframe." */
function isSkew(code: string | undefined, description: unknown): boolean {
  return code === 'invalid_grant' && typeof description === 'string' && description.includes('reasonable timeframe');
}
