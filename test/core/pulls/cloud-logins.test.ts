// What pulls and the schedule make of a cloud that issues no login: a final failure is a rejection of the credential, a passing one says nothing about it.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { publishChanges } from '../../../src/core/registry/events.ts';
import { LoginNotIssued, type ValidationReport } from '../../../src/core/registry/report.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { startRevalidation } from '../../../src/core/validation/revalidation.ts';
import { dueAt } from '../../../src/core/validation/schedule.ts';
import { requireValid } from '../../../src/core/validation/validate.ts';
import { callerOf, openDomain, reportOf, type TestDomain } from '../../support/domain.ts';

const writer = callerOf('READ_WRITE');
const puller = callerOf('PULL');
const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const image = { host, repository: 'team/app' };
const minuteMs = 60_000;

let domain: TestDomain;
beforeEach(async () => {
  domain = await openDomain();
});
afterEach(() => domain.close());

async function add(validate = false): Promise<string> {
  const input = { registry: host, type: 'AWSECR', username: 'AKIAEXAMPLEEXAMPLE12', password: new Secret('secret') };
  return (await domain.registries.create(writer, input, { secureConnection: true, validate })).registry.id;
}

function failure(retryable: boolean): LoginNotIssued {
  const report = { ...reportOf('NATIVE_CREDENTIAL_ERROR'), message: 'Amazon ECR issued no login.', hint: 'Allow it.' };
  return new LoginNotIssued({ ...report, retryable }, retryable);
}

const pass = (ms: number) => void (domain.time = new Date(domain.time.getTime() + ms));
const lastOf = async (id: string) => (await domain.registries.get(writer, { id }))?.lastValidation;

async function pull(error?: unknown): Promise<void> {
  const source = await domain.pulls.resolve(puller, image);
  const outcome = error === undefined ? 'DONE' : 'NATIVE_CREDENTIAL_ERROR';
  await domain.pulls.recordUse(puller, source, outcome, undefined, error);
}

it('a final failure is recorded with the words of the cloud, and no login is requested for a minute', async () => {
  const id = await add();
  await pull(failure(false));
  expect(await lastOf(id)).toMatchObject({
    outcome: 'NATIVE_CREDENTIAL_ERROR',
    message: 'Amazon ECR issued no login.',
    hint: 'Allow it.',
    retryable: false,
    checkedAt: domain.time.getTime(),
  });
  const refused = await domain.pulls.resolve(puller, image).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Problem);
  expect(refused).toMatchObject({
    reason: 'NATIVE_CREDENTIAL_ERROR',
    message: expect.stringContaining('validate the registry again'),
    retryAfter: domain.time.getTime() + minuteMs,
  });
  pass(minuteMs);
  expect((await domain.pulls.resolve(puller, image)).registry?.id).toBe(id);
});

it('a passing failure records nothing and holds no pull back', async () => {
  const id = await add();
  const before = await lastOf(id);
  await pull(failure(true));
  expect(await lastOf(id)).toEqual(before);
  expect((await domain.pulls.resolve(puller, image)).registry?.id).toBe(id);
});

it('a recorded failure is cleared by the next pull that succeeds', async () => {
  const id = await add(true);
  const before = await lastOf(id);
  await pull(failure(false));
  pass(minuteMs);
  await pull();
  expect(await lastOf(id)).toEqual(before);
});

it('following the hint of a withheld login solves it: a validation that succeeds lets the next pull through at once', async () => {
  const id = await add();
  await pull(failure(false));
  pass(1);
  domain.outcome = 'VALID';
  await domain.registries.validate(writer, id);
  const validated = (await lastOf(id))!;
  expect(validated.outcome).toBe('VALID');
  await domain.store.registries.recordValidation(id, 1, { ...validated, checkedAt: domain.time.getTime() }, undefined);
  expect((await domain.pulls.resolve(puller, image)).registry?.id).toBe(id);
});

it('a final failure lets a pending credential be tried, a passing one does not', async () => {
  const id = await add();
  domain.outcome = 'INVALID_CREDENTIALS';
  const pending = { password: new Secret('second'), rotation: 'PENDING' };
  await domain.registries.update(writer, id, pending, { secureConnection: true, validate: true });
  domain.outcome = 'VALID';
  await pull(failure(true));
  const current = async () => (await (await domain.pulls.resolve(puller, image)).credential?.())?.password.reveal();
  expect(await current()).toBe('secret');
  await pull(failure(false));
  expect(await current()).toBe('second');
});

const everyMs = 24 * 60 * minuteMs;
const dueAfter = (report: Partial<ValidationReport>) =>
  dueAt(
    {
      id: 'reg_00000000000000000000000000000000',
      lastValidation: { ...reportOf('NATIVE_CREDENTIAL_ERROR'), checkedAt: 0, ...report },
    },
    everyMs,
  );

it('the schedule checks again after a passing failure and after what only a pull found, never after a final one', () => {
  expect(dueAfter({ retryable: true })).toBe(10 * minuteMs);
  expect(dueAfter({ retryable: true, retryAfter: 11 * minuteMs })).toBe(11 * minuteMs);
  expect(dueAfter({ retryable: true, schedule: { failures: 3, claimedUntil: 0 } })).toBe(40 * minuteMs);
  expect(dueAfter({ fromPull: { replaced: null } })).toBe(10 * minuteMs);
  expect(dueAfter({})).toBeUndefined();
});

it('the schedule finds that a recorded failure is over, and tells the check whose credential it is', async () => {
  const id = await add();
  await pull(failure(false));
  const stored: unknown[] = [];
  const revalidation = startRevalidation({
    registries: publishChanges(domain.store.registries, domain.store.notifications),
    access: domain.store.access,
    sealer: domain.sealer,
    validator: {
      check: async (_target, _credential, options) => {
        stored.push(options?.stored?.id);
        return { ...reportOf('VALID'), checkedAt: domain.time.getTime() };
      },
    },
    now: () => domain.time,
    observeValidation: () => undefined,
    everyMs,
    setTimer: () => () => undefined,
    monotonicMs: () => performance.now(),
    newRequestId: () => 'request-1',
    onFailure: (fault) => {
      throw fault;
    },
  });
  pass(20 * minuteMs);
  await revalidation.sweep();
  await revalidation.close();
  expect([stored, (await lastOf(id))?.outcome]).toEqual([[id], 'VALID']);
});

it('a busy cloud names no field to change, a wrong identity does', async () => {
  const create = async (retryable: boolean) => {
    const validator = { check: async () => ({ ...reportOf('NATIVE_CREDENTIAL_ERROR'), retryable }) };
    const ports = {
      validator,
      validationRateLimit: { consume: async () => 0 },
      accountValidationRateLimit: { consume: async () => 0 },
      observeValidation: () => undefined,
      now: () => domain.time,
    };
    const target = { host, repository: null, type: 'AWSECR', secureConnection: true } as const;
    const checked = { ...target, trustedRealm: null, probeRepository: null };
    const credential = { username: 'AKIAEXAMPLEEXAMPLE12', password: new Secret('secret') };
    const caller = { ...writer, principal: writer.principal! };
    return requireValid(ports, caller, checked, credential, { secureConnection: true, validate: true }).catch(
      (error: unknown) => (error as Problem).field,
    );
  };
  expect([await create(true), await create(false)]).toEqual([undefined, ['password']]);
});
