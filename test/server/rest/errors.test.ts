// The words of errors: REST words the advice of a problem by its own keys, and changes no sentence.

import { expect, it } from 'vitest';
import { type ValidationReport, skippedReport, ValidationFailed } from '../../../src/core/registry/report.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { toErrorResponse } from '../../../src/server/rest/errors.ts';

const context = { requestId: 'request-1', log: { error: () => undefined }, now: () => new Date(0) };
const sentence = 'It asks for secureConnection until retryAfter, trustedRealm, and probeRepository.';

function bodyOf(report: ValidationReport) {
  const { body } = toErrorResponse(new ValidationFailed(report, {}), context);
  return [body.message, body.detail.validation?.message, body.detail.validation?.hint];
}

it('words advice by its keys, in the message and in the hint, and repeats sentences as they are', () => {
  const words =
    'To accept any certificate of this registry, send "registry_verify": false; an update requires registry_pass in the same request.';
  const report = { ...skippedReport(0), message: sentence, advice: [{ kind: 'ALLOW_UNVERIFIED_TLS' }] as const };
  expect(bodyOf(report)).toEqual([`${sentence} ${words}`, sentence, words]);
  expect(toErrorResponse(new Problem('CONFLICT', sentence), context).body.message).toBe(sentence);
});

it('shows the hint of a report from before advice was data', () => {
  const { advice: _, ...old } = skippedReport(0);
  expect(bodyOf({ ...old, message: sentence, hint: 'An old hint.' })).toEqual([sentence, sentence, 'An old hint.']);
  expect(bodyOf({ ...old, message: sentence, hint: null })).toEqual([sentence, sentence, null]);
});

it('leaves out advice that only a newer version knows', () => {
  const report = { ...skippedReport(0), advice: [{ kind: 'A_NEW_ONE' }, { kind: 'VALIDATE' }] } as unknown;
  expect(bodyOf(report as ValidationReport)[2]).toBe(
    'Send registry_pass again, without validate=false, to check the credential.',
  );
});
