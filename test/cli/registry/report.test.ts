// The flag that helps after a check: only one that is left to try, and only where it can help; and texts that a line for pasting quotes.

import { expect, it } from 'vitest';
import type { Report } from '../../../src/cli/api/operations.ts';
import { type CheckRequest, commandFor, fixLine, flagThatHelps, hintOf } from '../../../src/cli/registry/advice.ts';
import type { AdviceFields } from '../../../src/core/registry/advice.ts';
import { type ValidationOutcome, validationOutcomes } from '../../../src/core/registry/report.ts';

const empty = {
  host: null,
  repository: null,
  type: null,
  setting: null,
  until: null,
  names: null,
  action: null,
  provider: null,
};

function sent(fields: Partial<AdviceFields> & { readonly kind: string }): Report['advice'][number] {
  return { ...empty, message: 'In the terms of GraphQL.', ...fields };
}

const report = (outcome: ValidationOutcome, advice: Report['advice'] = []): Report => ({
  outcome,
  valid: false,
  message: 'm',
  hint: null,
  advice,
  retryable: false,
  retryAfter: null,
  realmHost: null,
  checkedAt: '2026-01-01T00:00:00Z',
  durationMs: 1,
  steps: [],
});
const adding: CheckRequest = { stores: true };

it.each<[ValidationOutcome, Report['advice'], CheckRequest, string | null]>([
  [
    'TLS_EXPIRED',
    [sent({ kind: 'CORRECT_CLOCK' }), sent({ kind: 'ALLOW_UNVERIFIED_TLS' })],
    adding,
    '--secure-connection=false',
  ],
  ['TLS_EXPIRED', [sent({ kind: 'CORRECT_CLOCK' })], adding, null],
  ['PLAIN_HTTP', [sent({ kind: 'ALLOW_PLAIN_HTTP' })], adding, '--secure-connection=false'],
  // The flag alone would be refused again: the operator has to permit the host first.
  ['PLAIN_HTTP', [sent({ kind: 'PERMIT_AND_ALLOW_PLAIN_HTTP', host: 'a.test' })], adding, null],
  ['FORBIDDEN_REALM', [sent({ kind: 'TRUST_REALM', host: 'auth.example' })], adding, '--trusted-realm=auth.example'],
  ['FORBIDDEN_REALM', [sent({ kind: 'USE_TLS_FOR_REALM', host: 'auth.example' })], adding, null],
  ['NATIVE_CREDENTIAL_ERROR', [sent({ kind: 'USE_TYPE', type: 'DOCKER_V2' })], adding, '--type=docker_v2'],
  ['TIMEOUT', [], adding, '--validate=false'],
  ['TIMEOUT', [], { stores: false }, null],
  ['VALID', [], adding, null],
])('after %s with %j asked as %j it is %s', (outcome, advice, asked, flag) => {
  expect(flagThatHelps(report(outcome, advice), asked)).toBe(flag);
});

it('never is the way around a wrong password or a lock', () => {
  for (const outcome of ['INVALID_CREDENTIALS', 'INSUFFICIENT_SCOPE', 'LOCKED_OUT', 'FORBIDDEN_ADDRESS'] as const) {
    expect(flagThatHelps(report(outcome), adding)).toBeNull();
  }
});

it('says what it does where it does not follow the hint', () => {
  expect(fixLine(report('UNREACHABLE', [sent({ kind: 'CHECK_PORT' })]), adding)).toBe(
    'Flag: --validate=false (stores the credential without validation)',
  );
});

it('is known for every outcome, and none for one of a newer server', () => {
  for (const outcome of validationOutcomes) expect(() => flagThatHelps(report(outcome), adding)).not.toThrow();
  expect(flagThatHelps(report('A_NEW_ONE' as ValidationOutcome, [sent({ kind: 'A_NEW_ONE' })]), adding)).toBeNull();
});

it('stands behind the command that accepts it, where this one does not', () => {
  const importing = {
    stores: true,
    elsewhere: {
      command: commandFor('add', 'docker.io/a/*', { '--username': "o'neil" }),
      except: ['--secure-connection=false'],
    },
  };
  const line = (kind: string, host: string | null = null) =>
    fixLine(report('FORBIDDEN_REALM', [sent({ kind, host })]), importing);
  expect(line('ALLOW_UNVERIFIED_TLS')).toBe('Flag: --secure-connection=false');
  expect(line('TRUST_REALM', 'auth.example')).toBe(
    "Command: regway registry add 'docker.io/a/*' --username='o'\\''neil' --trusted-realm=auth.example",
  );
});

it.each(['a;reboot;b', '$(reboot)', '`reboot`', "'", '"x"', 'a b', '[::1]:5000', '*', '~root', '-x\u202e'])(
  'quotes %j as one word for a shell',
  (host) => {
    const flag = flagThatHelps(report('FORBIDDEN_REALM', [sent({ kind: 'TRUST_REALM', host })]), adding);
    const word = host.replaceAll("'", `'\\''`).replace('\u202e', '\u{fffd}');
    expect(flag).toBe(`--trusted-realm='${word}'`);
    expect(commandFor('update', host)).toBe(`regway registry update '${word}'`);
  },
);

it('hints in its own terms, as the server words it for advice of a newer server or a report from before advice was data', () => {
  const advice = [sent({ kind: 'ALLOW_PLAIN_HTTP' }), sent({ kind: 'A_NEW_ONE' })];
  expect(hintOf({ ...report('PLAIN_HTTP'), advice, hint: 'x' })).toBe(
    'To use plain HTTP for this host, add --secure-connection=false, and pass the password. In the terms of GraphQL.',
  );
  expect(hintOf({ ...report('PLAIN_HTTP'), hint: 'An old hint.' })).toBe('An old hint.');
  expect(hintOf(report('VALID'))).toBeNull();
});
