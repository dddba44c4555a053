// The flag that helps after a check: only one that is left to try, and only where it can help.

import { expect, it } from 'vitest';
import type { Report } from '../../../src/cli/api/operations.ts';
import { type CheckRequest, flagThatHelps } from '../../../src/cli/registry/report.ts';
import { type ValidationOutcome, validationOutcomes } from '../../../src/core/registry/report.ts';

const report = (outcome: ValidationOutcome, more: Partial<Report> = {}): Report => ({
  outcome,
  valid: false,
  message: 'm',
  hint: null,
  retryable: false,
  retryAfter: null,
  realmHost: null,
  checkedAt: '2026-01-01T00:00:00Z',
  durationMs: 1,
  steps: [],
  ...more,
});
const adding: CheckRequest = { secureConnection: true, stores: true };

it.each<[ValidationOutcome, Partial<Report>, CheckRequest, string | null]>([
  ['TLS_EXPIRED', {}, adding, '--secure-connection=false'],
  ['TLS_EXPIRED', {}, { ...adding, secureConnection: false }, null],
  ['PLAIN_HTTP', {}, { ...adding, secureConnection: false }, null],
  [
    'FORBIDDEN_REALM',
    { realmHost: 'auth.example', hint: 'repeat the call with trustedRealm: "auth.example".' },
    adding,
    '--trusted-realm=auth.example',
  ],
  ['FORBIDDEN_REALM', { realmHost: 'auth.example', hint: 'Give the token server an https address.' }, adding, null],
  ['FORBIDDEN_REALM', { realmHost: null, hint: 'trustedRealm' }, adding, null],
  ['TIMEOUT', {}, adding, '--validate=false'],
  ['TIMEOUT', {}, { ...adding, stores: false }, null],
  ['VALID', { valid: true }, adding, null],
])('after %s (%j) asked as %j it is %s', (outcome, more, asked, flag) => {
  expect(flagThatHelps(report(outcome, more), asked)).toBe(flag);
});

it('never is the way around a wrong password or a lock', () => {
  for (const outcome of ['INVALID_CREDENTIALS', 'INSUFFICIENT_SCOPE', 'LOCKED_OUT', 'FORBIDDEN_ADDRESS'] as const) {
    expect(flagThatHelps(report(outcome), adding)).toBeNull();
  }
});

it('is known for every outcome, and none for one of a newer server', () => {
  for (const outcome of validationOutcomes) expect(() => flagThatHelps(report(outcome), adding)).not.toThrow();
  expect(flagThatHelps(report('A_NEW_ONE' as ValidationOutcome), adding)).toBeNull();
});
