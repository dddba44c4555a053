// Tests the registry form: required fields, the input it sends, and the fixes it suggests.

import { describe, expect, it } from 'vitest';
import {
  createInputOf,
  emptyForm,
  fieldOfPath,
  formOf,
  missingFields,
  passwordReasons,
  suggestFixes,
  sendsPassword,
  typeHelp,
  updateInputOf,
  type FormState,
} from '../../../src/console/registry/form-state.ts';
import type { FactsFragment, ReportFragment } from '../../../src/console/api/operations.ts';
import { hintOf } from '../../../src/console/shared/advice.ts';
import { outcomeTone, outcomeLabels } from '../../../src/console/shared/words.ts';

const report: ReportFragment = {
  outcome: 'VALID',
  valid: true,
  message: '',
  hint: null,
  advice: [],
  retryable: false,
  retryAfter: null,
  realmHost: null,
  checkedAt: '2026-11-24T12:00:00Z',
  durationMs: 1,
  steps: [],
};

const stored: FactsFragment = {
  id: 'reg_1',
  registry: 'docker.io/anchore/*',
  host: 'docker.io',
  repository: 'anchore/*',
  name: 'docker.io/anchore/*',
  type: 'DOCKER_V2',
  username: 'robot',
  secureConnection: true,
  trustedRealm: null,
  probeRepository: null,
  pendingSince: null,
  previousUsableUntil: null,
  account: 'admin',
  createdAt: '2026-11-24T12:00:00Z',
  updatedAt: '2026-11-24T12:00:00Z',
  lastUsedAt: null,
  lastValidation: report,
};

const full: FormState = { ...emptyForm, registry: ' quay.io ', username: 'robot', password: ' spaces stay ' };

describe('a change', () => {
  it('of no value sends nothing', () => {
    expect(updateInputOf(stored, formOf(stored))).toEqual({});
  });

  it.each([
    [{ allowSelfSigned: true }],
    [{ type: 'GCR' }],
    [{ username: 'other' }],
    [{ trustedRealm: 'auth.example.com' }],
  ] satisfies [Partial<FormState>][])('of %o requires the password, and sends it', (change) => {
    const form = { ...formOf(stored), ...change };
    expect(passwordReasons(stored, form)).toHaveLength(1);
    expect(missingFields(stored, form)).toHaveProperty('password');
    expect(updateInputOf(stored, { ...form, password: 'x' })).toHaveProperty('password', 'x');
  });

  it.each([
    [{ name: 'Anchore' }, { name: 'Anchore' }],
    [{ probeRepository: 'anchore/grype' }, { probeRepository: 'anchore/grype' }],
    [{ validate: false }, {}],
  ] satisfies [Partial<FormState>, object][])('of %o does not send the password', (change, expected) => {
    const form = { ...formOf(stored), ...change };
    expect(sendsPassword(stored, form)).toBe(false);
    expect(missingFields(stored, form)).toEqual({});
    expect(updateInputOf(stored, form)).toEqual(expected);
  });

  it('clears what was emptied', () => {
    const named = { ...stored, name: 'Anchore', probeRepository: 'anchore/grype' };
    expect(updateInputOf(named, { ...formOf(named), name: ' ', probeRepository: '' })).toEqual({
      name: null,
      probeRepository: null,
    });
  });

  it('back to verified certificates needs no password', () => {
    const open = { ...stored, secureConnection: false };
    expect([formOf(open).allowSelfSigned, passwordReasons(open, { ...formOf(open), allowSelfSigned: false })]).toEqual([
      true,
      [],
    ]);
  });

  it('of only the password can be stored as pending, and sends so only if chosen', () => {
    const rotation = { ...formOf(stored), replacePassword: true, password: 'next', storeAsPending: true };
    expect(updateInputOf(stored, rotation)).toEqual({ password: 'next', rotation: 'PENDING' });
    expect(updateInputOf(stored, { ...rotation, storeAsPending: false })).toEqual({ password: 'next' });
  });

  it.each([[{ username: 'other' }], [{ allowSelfSigned: true }], [{ replacePassword: false }]] satisfies [
    Partial<FormState>,
  ][])('of %o cannot be stored as pending', (change) => {
    expect(
      updateInputOf(stored, {
        ...formOf(stored),
        replacePassword: true,
        password: 'next',
        storeAsPending: true,
        ...change,
      }),
    ).not.toHaveProperty('rotation');
  });

  it('back to verified certificates cannot be stored as pending', () => {
    const open = { ...stored, secureConnection: false };
    expect(
      updateInputOf(open, {
        ...formOf(open),
        allowSelfSigned: false,
        replacePassword: true,
        password: 'next',
        storeAsPending: true,
      }),
    ).not.toHaveProperty('rotation');
  });

  it('never contains the stored password', () => {
    expect(formOf(stored).password).toBe('');
  });
});

describe('a new registry', () => {
  it('is sent without what was left empty, and with the password as it was typed', () => {
    expect(createInputOf(full)).toEqual({
      registry: 'quay.io',
      type: 'DOCKER_V2',
      username: 'robot',
      password: ' spaces stay ',
    });
  });

  it('needs registry, username and password', () => {
    expect(Object.keys(missingFields(null, emptyForm))).toEqual(['registry', 'username', 'password']);
    expect(missingFields(null, full)).toEqual({});
  });
});

type Sent = ReportFragment['advice'][number];

const sent = (kind: Sent['kind'], more: Partial<Sent> = {}): Sent => ({
  kind,
  message: 'In the terms of GraphQL.',
  host: null,
  repository: null,
  type: null,
  setting: null,
  until: null,
  names: null,
  action: null,
  provider: null,
  ...more,
});

describe('the fixes', () => {
  const fixes = (advice: readonly Sent[], form: FormState = full) => suggestFixes({ advice }, form);

  it.each([
    ['ALLOW_UNVERIFIED_TLS', {}, 'Allow Self Signed', { allowSelfSigned: true }],
    ['KEEP_UNVERIFIED_TLS', {}, 'Allow Self Signed', { allowSelfSigned: true }],
    ['ALLOW_PLAIN_HTTP', {}, 'Allow plain HTTP', { allowSelfSigned: true }],
    ['TRUST_REALM', { host: 'auth.example.com' }, 'Trust auth.example.com', { trustedRealm: 'auth.example.com' }],
    ['USE_TYPE', { type: 'DOCKER_V2' }, 'Use the type Docker V2', { type: 'DOCKER_V2' }],
    ['REMOVE_PASSWORD_SPACE', {}, 'Remove the space from the password', { password: 'spaces stay' }],
    ['REMOVE_USERNAME_SPACE', {}, 'Remove the space from the username', { username: 'robot' }],
  ] as const)('for %s %j are one, once', (kind, more, label, change) => {
    const form: FormState = { ...full, username: ' robot', type: 'ACR' };
    expect(fixes([sent(kind, more)], form)).toEqual([{ label, change }]);
    expect(fixes([sent(kind, more)], { ...form, ...change })).toEqual([]);
  });

  it('are several where several pieces of advice have one, and none where one needs more than the form', () => {
    const advice = [sent('ADD_CA'), sent('TRUST_REALM', { host: 'a.example' }), sent('ALLOW_UNVERIFIED_TLS')];
    expect(fixes(advice).map(({ label }) => label)).toEqual(['Trust a.example', 'Allow Self Signed']);
    expect(fixes([sent('CHECK_CREDENTIAL'), sent('WAIT'), sent('PERMIT_AND_ALLOW_PLAIN_HTTP')])).toEqual([]);
  });
});

it.each([
  [['input', 'password'], 'password'],
  [['secureConnection'], 'allowSelfSigned'],
  [['input', 'constructor'], null],
  [['id'], null],
  [null, null],
])('the path %j is the field %s', (path, field) => {
  expect(fieldOfPath(path)).toBe(field);
});

it('a warning is neither good nor bad, and every outcome has words', () => {
  expect([
    outcomeTone('VALID'),
    outcomeTone('NO_AUTH_REQUIRED'),
    outcomeTone('INVALID_CREDENTIALS'),
    outcomeTone(undefined),
  ]).toEqual(['good', 'warning', 'bad', 'neutral']);
  expect(new Set(Object.values(outcomeLabels)).size).toBe(Object.keys(outcomeLabels).length);
});

it('words advice by the labels of the form, and shows the text of the server for any that it does not know', () => {
  const words = (advice: readonly Sent[], hint: string | null = null) => hintOf({ advice, hint });
  expect(words([sent('ALLOW_UNVERIFIED_TLS')])).toBe(
    'To accept any certificate of this registry, turn on Allow Self Signed.',
  );
  expect(words([sent('A_NEW_ONE' as Sent['kind'])])).toBe('In the terms of GraphQL.');
  expect([words([], 'An old hint.'), words([])]).toEqual(['An old hint.', null]);
});

describe('the type', () => {
  it('is suggested by the host of a cloud, and not once it is chosen', () => {
    const registry = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
    expect(typeHelp({ registry, type: 'DOCKER_V2' })).toContain('looks like Amazon ECR');
    expect(typeHelp({ registry, type: 'AWSECR' })).toBe('How Regway logs in to the registry.');
    expect(typeHelp({ registry: 'docker.io', type: 'DOCKER_V2' })).toBe('How Regway logs in to the registry.');
  });
});
