// The laws of pulling: whose credential a pull gets, what opens it, and what follows when the upstream refuses it.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PullSource } from '../../../src/core/pulls/pull.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';

const writer = callerOf('READ_WRITE');
const puller = callerOf('PULL');
const image = { host: 'r.example', repository: 'team/app' };

let domain: TestDomain;
beforeEach(async () => {
  domain = await openDomain();
});
afterEach(() => domain.close());

async function add(registry: string, password = 'correct horse'): Promise<string> {
  const input = { registry, username: 'alice', password: new Secret(password) };
  return (await domain.registries.create(writer, input, { secureConnection: true, validate: false })).registry.id;
}

async function problemOf(call: Promise<unknown>): Promise<Problem> {
  const error: unknown = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

async function passwordOf(source: PullSource): Promise<string | undefined> {
  return (await source.credential?.())?.password.reveal();
}

describe('the source of a pull', () => {
  it('is the most specific registry, with its own password', async () => {
    await add('r.example', 'for the host');
    await add('r.example/team/*', 'for the team');
    const source = await domain.pulls.resolve(puller, image);
    expect(source).toMatchObject({ ...image, registry: { registry: 'r.example/team/*' } });
    expect(await passwordOf(source)).toBe('for the team');
  });

  it('is anonymous for an image that no registry covers', async () => {
    await add('r.example/other/*');
    expect(await domain.pulls.resolve(puller, image)).toEqual({ ...image, registry: null, credential: null });
  });

  it('is refused for such an image where anonymous pulls are off', async () => {
    const strict = await openDomain({ anonymousAllowed: false });
    expect(await problemOf(strict.pulls.resolve(puller, image))).toMatchObject({
      code: 'FORBIDDEN',
      reason: 'ANONYMOUS_OFF',
    });
    await strict.close();
  });

  it('is of the account of the caller, and of another one only for an admin', async () => {
    await add('r.example');
    expect((await domain.pulls.resolve(callerOf('PULL', 'other'), image)).registry).toBeNull();
    expect(
      (await problemOf(domain.pulls.resolve(callerOf('PULL', 'other'), { ...image, account: 'admin' }))).code,
    ).toBe('NOT_FOUND');
  });

  it.each([
    [['r.example/team/*'], true],
    [['r.example/team/app'], true],
    [['r.example'], true],
    [['r.example/team/app/*'], false],
    [['r.example/tea/*', 's.example'], false],
  ])('for a token limited to %j: %j', async (images, allowed) => {
    const limited = callerOf('PULL', 'admin', { images });
    if (limited.principal !== undefined) expect(domain.pulls.permits(limited.principal, image)).toBe(allowed);
    if (allowed) expect(await domain.pulls.resolve(limited, image)).toMatchObject(image);
    else
      expect(await problemOf(domain.pulls.resolve(limited, image))).toMatchObject({
        code: 'FORBIDDEN',
        reason: 'IMAGE_NOT_COVERED',
      });
  });

  it('opens no secret before it is asked to, and then the one of the row as it is', async () => {
    const id = await add('r.example');
    const source = await domain.pulls.resolve(puller, image);
    await domain.registries.update(
      writer,
      id,
      { password: new Secret('a newer one') },
      { secureConnection: true, validate: false },
    );
    expect((await problemOf(passwordOf(source))).code).toBe('CONFLICT');
    expect(await passwordOf(await domain.pulls.resolve(puller, image))).toBe('a newer one');
  });
});

describe('a use', () => {
  it('is noted with who, what, which version and how it ended', async () => {
    const id = await add('r.example');
    await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'DONE');
    expect(domain.uses).toEqual([
      {
        at: domain.time,
        account: 'admin',
        registryId: id,
        registryVersion: 1,
        actor: 'token:pull',
        image: 'r.example/team/app',
        outcome: 'DONE',
      },
    ]);
  });

  it('of no credential is not noted', async () => {
    await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'DONE');
    expect(domain.uses).toEqual([]);
  });
});

describe('a credential that the upstream refused', () => {
  async function refuse(): Promise<string> {
    const id = await add('r.example');
    await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'INVALID_CREDENTIALS');
    return id;
  }

  it('shows as the last validation of its registry', async () => {
    const id = await refuse();
    expect((await domain.registries.get(writer, { id }))?.lastValidation).toMatchObject({
      outcome: 'INVALID_CREDENTIALS',
      retryable: false,
    });
  });

  it.each(['SKIPPED', 'VALID'] as const)(
    'is cleared by a pull that succeeds: %s is back, and audited',
    async (outcome) => {
      const id = await add('r.example');
      if (outcome === 'VALID') await domain.registries.validate(writer, id);
      const before = (await domain.registries.get(writer, { id }))?.lastValidation;
      await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'INVALID_CREDENTIALS');
      domain.time = new Date(domain.time.getTime() + 60_000);
      await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'INVALID_CREDENTIALS');
      domain.time = new Date(domain.time.getTime() + 60_000);
      const source = await domain.pulls.resolve(puller, image);
      await Promise.all([1, 2].map(() => domain.pulls.recordUse(puller, source, 'DONE')));
      expect(before?.outcome).toBe(outcome);
      expect((await domain.registries.get(writer, { id }))?.lastValidation).toEqual(before);
      const rows = await domain.rows(`SELECT outcome FROM audit_event WHERE action = 'registry.validate' ORDER BY seq`);
      expect(rows.map((row) => row['outcome']).slice(outcome === 'VALID' ? 1 : 0)).toEqual([
        'INVALID_CREDENTIALS',
        'INVALID_CREDENTIALS',
        outcome,
      ]);
    },
  );

  it('by a validation stays rejected, for any outcome of pulls', async () => {
    const id = await add('r.example');
    domain.outcome = 'INVALID_CREDENTIALS';
    await domain.registries.validate(writer, id);
    const report = (await domain.registries.get(writer, { id }))?.lastValidation;
    await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'INVALID_CREDENTIALS');
    domain.time = new Date(domain.time.getTime() + 60_000);
    await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'DONE');
    expect((await domain.registries.get(writer, { id }))?.lastValidation).toEqual(report);
  });

  it('is not cleared by a pull that crosses a validation', async () => {
    const id = await refuse();
    domain.time = new Date(domain.time.getTime() + 60_000);
    const source = await domain.pulls.resolve(puller, image);
    domain.outcome = 'INVALID_CREDENTIALS';
    const { validation } = await domain.registries.validate(writer, id);
    await domain.pulls.recordUse(puller, source, 'DONE');
    expect((await domain.registries.get(writer, { id }))?.lastValidation).toEqual(validation);
  });

  it('is cleared by a validation that succeeds', async () => {
    const id = await refuse();
    await domain.registries.validate(writer, id);
    expect((await domain.registries.get(writer, { id }))?.lastValidation?.outcome).toBe('VALID');
  });

  it('is kept back for 60 seconds and then tried again', async () => {
    await refuse();
    const openedMs = domain.time.getTime();
    domain.time = new Date(openedMs + 59_999);
    expect(await problemOf(domain.pulls.resolve(puller, image))).toMatchObject({
      code: 'UPSTREAM_FAILED',
      reason: 'INVALID_CREDENTIALS',
      retryAfter: openedMs + 60_000,
    });
    domain.time = new Date(openedMs + 60_000);
    expect((await domain.pulls.resolve(puller, image)).registry).not.toBeNull();
  });

  it('is free again at once when the registry was updated', async () => {
    const id = await refuse();
    await domain.registries.update(
      writer,
      id,
      { password: new Secret('a newer one') },
      { secureConnection: true, validate: false },
    );
    expect(await passwordOf(await domain.pulls.resolve(puller, image))).toBe('a newer one');
  });

  it('keeps no other registry back', async () => {
    await add('r.example/team/*');
    await domain.pulls.recordUse(
      puller,
      await domain.pulls.resolve(puller, { host: 'r.example', repository: 'team/app' }),
      'INVALID_CREDENTIALS',
    );
    await add('r.example');
    expect(
      (await domain.pulls.resolve(puller, { host: 'r.example', repository: 'other/app' })).registry?.registry,
    ).toBe('r.example');
  });

  it.each(['INSUFFICIENT_SCOPE', 'TIMEOUT', 'RATE_LIMITED', 'DONE'] as const)(
    'is not what %s means',
    async (outcome) => {
      const id = await add('r.example');
      await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), outcome);
      expect((await domain.pulls.resolve(puller, image)).registry?.id).toBe(id);
      expect((await domain.registries.get(writer, { id }))?.lastValidation?.outcome).toBe('SKIPPED');
    },
  );

  it('is not recorded for a version that is gone', async () => {
    const id = await add('r.example');
    const source = await domain.pulls.resolve(puller, image);
    await domain.registries.update(
      writer,
      id,
      { password: new Secret('a newer one') },
      { secureConnection: true, validate: false },
    );
    await domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS');
    expect((await domain.registries.get(writer, { id }))?.lastValidation?.outcome).toBe('SKIPPED');
    expect((await domain.pulls.resolve(puller, image)).registry?.id).toBe(id);
  });
});
