// The words of errors: what the domain calls a setting or a time, REST calls by its own key.

import { expect, it } from 'vitest';
import { skippedReport, ValidationFailed } from '../../../src/core/registry/report.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { toErrorResponse } from '../../../src/server/rest/errors.ts';

const context = { requestId: 'request-1', log: { error: () => undefined }, now: () => new Date(0) };

it.each([
  ['Wait until retryAfter, then check again.', 'Wait until retry_after, then check again.'],
  [
    'It has secureConnection, and retryAfter twice: retryAfter.',
    'It has registry_verify, and retry_after twice: retry_after.',
  ],
  ['Pass trustedRealm or probeRepository.', 'Pass trustedRealm (over GraphQL) or probeRepository (over GraphQL).'],
])('%j is said as %j, in the message, in the validation, and in its hint', (sentence, words) => {
  const report = { ...skippedReport(0), message: sentence, hint: sentence };
  const { body } = toErrorResponse(new ValidationFailed(report, sentence, {}), context);
  expect([body.message, body.detail.validation?.message, body.detail.validation?.hint]).toEqual([words, words, words]);
  expect(toErrorResponse(new Problem('CONFLICT', sentence), context).body.message).toBe(words);
});
