// A principal has a number of validations per minute across all calls. A rejected one contacts no registry and changes nothing.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { createRateLimiter } from '../../../src/server/ops/rate-limiter.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';

let domain: TestDomain;

beforeEach(async () => {
  domain = await openDomain();
});

afterEach(() => domain.close());

const inputOf = (host: string) => ({ registry: host, username: 'u', password: new Secret('hunter2') });
const checked = { secureConnection: true, validate: true };
const unchecked = { secureConnection: true, validate: false };

function limitTo(perMinute: number): void {
  const budget = createRateLimiter(perMinute);
  domain.takeValidation = (subject) => budget.consume(subject);
}

async function problemOf(call: Promise<unknown>): Promise<Problem | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

it('allows ten of 1,000 concurrent validations, across all calls', async () => {
  const caller = callerOf('READ_WRITE');
  const { registry } = await domain.registries.create(caller, inputOf('stored.example'), unchecked);
  limitTo(10);
  const calls = Array.from({ length: 250 }, (_, index) => [
    domain.registries.create(caller, inputOf(`new${index}.example`), checked),
    domain.registries.update(caller, registry.id, { name: `Name ${index}` }, checked),
    domain.registries.validate(caller, registry.id),
    domain.registries.check(caller, inputOf('checked.example'), checked),
  ]).flat();
  const problems = await Promise.all(calls.map(problemOf));
  expect(domain.asked).toHaveLength(10);
  expect(problems.filter((problem) => problem?.code === 'RATE_LIMITED')).toHaveLength(990);
});

it('says when to try again, and has changed nothing', async () => {
  const caller = callerOf('READ_WRITE');
  const { registry } = await domain.registries.create(caller, inputOf('stored.example'), unchecked);
  domain.takeValidation = () => 41_500;
  for (const call of [
    () => domain.registries.create(caller, inputOf('new.example'), checked),
    () => domain.registries.update(caller, registry.id, { password: new Secret('other') }, checked),
    () => domain.registries.validate(caller, registry.id),
    () => domain.registries.check(caller, inputOf('new.example'), checked),
  ]) {
    expect(await problemOf(call())).toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringMatching(/ in 42 seconds\.$/),
      retryAfter: domain.time.getTime() + 41_500,
    });
  }
  expect(domain.asked).toEqual([]);
  expect((await domain.registries.list(caller, {})).nodes).toEqual([registry]);
});

it('counts each login for itself', async () => {
  limitTo(1);
  await domain.registries.check(callerOf('READ_WRITE'), inputOf('a.example'), checked);
  expect(await problemOf(domain.registries.check(callerOf('READ_WRITE'), inputOf('a.example'), checked))).toMatchObject(
    { code: 'RATE_LIMITED' },
  );
  await domain.registries.check(
    callerOf('READ_WRITE', 'admin', { subject: 'token:other' }),
    inputOf('a.example'),
    checked,
  );
  expect(domain.asked).toHaveLength(2);
});

it('costs nothing to store without a check, to be refused before one, or to have no permission', async () => {
  limitTo(1);
  const caller = callerOf('READ_WRITE');
  const registry = await domain.registries.create(caller, inputOf('a.example'), unchecked);
  expect(await problemOf(domain.registries.create(caller, inputOf('a.example'), checked))).toMatchObject({
    code: 'ALREADY_EXISTS',
  });
  expect(await problemOf(domain.registries.create(caller, inputOf('not a registry'), checked))).toMatchObject({
    code: 'INVALID_REGISTRY',
  });
  expect(
    await problemOf(
      domain.registries.check(
        callerOf('PULL', 'admin', { subject: caller.principal?.subject ?? '' }),
        inputOf('a.example'),
        checked,
      ),
    ),
  ).toMatchObject({ code: 'FORBIDDEN' });
  expect((await domain.registries.validate(caller, registry.registry.id)).validation.outcome).toBe('VALID');
});

it('counts the validations of all logins of an account together, and those that a login may not make for none', async () => {
  const account = createRateLimiter(6);
  const login = createRateLimiter(2);
  domain.takeValidation = (subject) => login.consume(subject);
  domain.takeAccountValidation = (name) => account.consume(name);
  await domain.useCases.accounts.create(callerOf('ADMIN'), { name: 'tenant' });
  const check = (subject: string, owner = 'admin') =>
    problemOf(domain.registries.check(callerOf('READ_WRITE', owner, { subject }), inputOf('checked.example'), checked));
  for (let token = 0; token < 3; token++) for (let time = 0; time < 4; time++) await check(`token:${token}`);
  expect(domain.asked).toHaveLength(6);
  expect(await check('token:3')).toMatchObject({
    code: 'RATE_LIMITED',
    message: expect.stringMatching(
      /^Validation limit of the account admin reached for this minute\. .* Try again in \d+ seconds?\.$/,
    ),
    retryAfter: expect.any(Number),
  });
  expect(domain.asked).toHaveLength(6);
  expect(await check('token:4', 'tenant')).toBeUndefined();
});
