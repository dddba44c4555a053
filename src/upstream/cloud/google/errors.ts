// Maps OAuth error codes of Google (RFC 6749 §5.2) to advice for the owner of the stored key.

import { type HttpsResponse, jsonObject } from '../../transport/https-client.ts';
import { type Advice, type CloudFailure, later, notIssued, shownCode } from '../failure.ts';

const adviceByCode: Readonly<Record<string, Advice>> = {
  invalid_grant: {
    hint: 'Create a new key: the stored one was deleted, has expired, or belongs to a deleted service account. Or correct the clock of this server, if it is wrong.',
  },
  invalid_client: { hint: 'Create a new key: Google does not know the service account.' },
  unauthorized_client: {
    hint: 'Check the policies of the organization: they do not allow the service account to authenticate this way.',
  },
  access_denied: {
    hint: 'Use another identity, or ask the administrators of the organization: its policy does not allow the key.',
  },
  rate_limit_exceeded: {
    hint: 'Try again later: Google is rate limiting requests.',
    retryable: true,
    isRateLimit: true,
  },
  internal_failure: later,
  server_error: later,
  temporarily_unavailable: later,
};

const skewed: Advice = {
  hint: 'Correct the clock of this server: Google rejects keys whose signature is from another time.',
  retryable: true,
};

/** An error code of Google without advice of its own. */
const otherwise: Advice = {
  hint: 'Try again later. If the failure persists, check the service account in the Google Cloud console.',
};

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
