// Two passwords for one registry while its upstream changes: which one is used, when the other is tried, and that nothing unproven becomes current.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Registry } from '../../../src/core/registry/registry.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { rotateDataKey } from '../../../src/encryption/rotation.ts';
import { callerOf, openDomain, rotationWindowMs, type TestDomain } from '../../support/domain.ts';

let domain: TestDomain;
beforeEach(async () => {
  domain = await openDomain();
});
afterEach(() => domain.close());

const writer = callerOf('READ_WRITE');
const puller = callerOf('PULL');
const checked = { secureConnection: true, validate: true };
const image = { host: 'registry.example', repository: 'team/app' };

async function create(): Promise<Registry> {
  const input = { registry: 'registry.example', username: 'robot', password: new Secret('first') };
  return (await domain.registries.create(writer, input, checked)).registry;
}

async function storePending(id: string, password = 'second') {
  domain.outcome = 'INVALID_CREDENTIALS';
  const result = await domain.registries.update(
    writer,
    id,
    { password: new Secret(password), rotation: 'PENDING' },
    checked,
  );
  domain.outcome = 'VALID';
  return result;
}

async function currentPassword(): Promise<string | undefined> {
  return (await (await domain.pulls.resolve(puller, image)).credential?.())?.password.reveal();
}

/** The upstream refuses what a pull sent now. */
async function refuse(): Promise<void> {
  await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'INVALID_CREDENTIALS');
}

/** Without a check, which would try again in its turn. */
const rename = (id: string) =>
  domain.registries.update(writer, id, { name: 'Another name' }, { ...checked, validate: false });

const later = (ms: number): void => {
  domain.time = new Date(domain.time.getTime() + ms);
};

describe('a password that the registry does not accept yet', () => {
  it('is stored on request, while the current one remains in use', async () => {
    const { id } = await create();
    const { registry, validation } = await storePending(id);
    expect(validation.outcome).toBe('INVALID_CREDENTIALS');
    expect(registry).toMatchObject({
      pendingSince: domain.time,
      previousUsableUntil: null,
      lastValidation: { outcome: 'VALID' },
    });
    expect(await currentPassword()).toBe('first');
  });

  it('is not stored without that request', async () => {
    const { id } = await create();
    domain.outcome = 'INVALID_CREDENTIALS';
    await expect(
      domain.registries.update(writer, id, { password: new Secret('second') }, checked),
    ).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    expect((await domain.registries.get(writer, { id }))?.pendingSince).toBeNull();
  });

  it.each(['TIMEOUT', 'INSUFFICIENT_SCOPE', 'LOCKED_OUT', 'NATIVE_CREDENTIAL_ERROR'] as const)(
    'is not stored if the outcome of the validation is %s',
    async (outcome) => {
      const { id } = await create();
      domain.outcome = outcome;
      const update = domain.registries.update(
        writer,
        id,
        { password: new Secret('second'), rotation: 'PENDING' },
        checked,
      );
      await expect(update).rejects.toMatchObject({ code: 'VALIDATION_FAILED', reason: outcome });
    },
  );

  it('becomes current immediately if the registry accepts it already, and the old one stays for the window', async () => {
    const { id } = await create();
    const { registry } = await domain.registries.update(
      writer,
      id,
      { password: new Secret('second'), rotation: 'PENDING' },
      checked,
    );
    expect(registry).toMatchObject({
      pendingSince: null,
      previousUsableUntil: new Date(domain.time.getTime() + rotationWindowMs),
    });
    expect(await currentPassword()).toBe('second');
  });

  it('waits without a check when none is wanted', async () => {
    const { id } = await create();
    const asked = domain.asked.length;
    await domain.registries.update(
      writer,
      id,
      { password: new Secret('second'), rotation: 'PENDING' },
      { ...checked, validate: false },
    );
    expect(domain.asked).toHaveLength(asked);
    expect(await currentPassword()).toBe('first');
  });

  it.each([
    ['without a password', { rotation: 'PENDING' }],
    ['with another user name', { password: new Secret('second'), username: 'other', rotation: 'PENDING' }],
    [
      'with another trusted realm',
      { password: new Secret('second'), trustedRealm: 'auth.example', rotation: 'PENDING' },
    ],
  ])('is refused %s', async (_, input) => {
    const { id } = await create();
    await expect(domain.registries.update(writer, id, input, checked)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      field: ['rotation'],
    });
  });
});

describe('when the registry refuses the current password', () => {
  it('the pending one is tried, and is current once it is proven; the one before stays for the window', async () => {
    const { id } = await create();
    await storePending(id);
    await refuse();
    expect(domain.asked.at(-1)).toMatchObject({ username: 'robot', password: 'second' });
    expect(await currentPassword()).toBe('second');
    expect(await domain.registries.get(writer, { id })).toMatchObject({
      pendingSince: null,
      previousUsableUntil: new Date(domain.time.getTime() + rotationWindowMs),
      lastValidation: { outcome: 'VALID' },
    });
  });

  it.each(['INVALID_CREDENTIALS', 'VALID_UNPROVEN', 'NO_AUTH_REQUIRED', 'TIMEOUT'] as const)(
    'a pending one whose outcome is %s does not become current, and the circuit opens',
    async (outcome) => {
      const { id } = await create();
      await storePending(id);
      domain.outcome = outcome;
      await refuse();
      await expect(domain.pulls.resolve(puller, image)).rejects.toMatchObject({
        code: 'UPSTREAM_FAILED',
        reason: 'INVALID_CREDENTIALS',
      });
      expect((await domain.registries.get(writer, { id }))?.pendingSince).not.toBeNull();
    },
  );

  it('fifty pulls at once make one try', async () => {
    await storePending((await create()).id);
    const sources = await Promise.all(Array.from({ length: 50 }, () => domain.pulls.resolve(puller, image)));
    const before = domain.asked.length;
    await Promise.all(sources.map((source) => domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS')));
    expect(domain.asked).toHaveLength(before + 1);
    expect(await currentPassword()).toBe('second');
  });

  it('a failed try is not repeated within a minute, and goes to the other password after it', async () => {
    const { id } = await create();
    await domain.registries.update(writer, id, { password: new Secret('second'), rotation: 'PENDING' }, checked);
    await storePending(id, 'third');
    const source = await domain.pulls.resolve(puller, image);
    const before = domain.asked.length;
    domain.outcome = 'INVALID_CREDENTIALS';
    await domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS');
    await domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS');
    later(61_000);
    await refuse();
    expect(domain.asked.slice(before).map(({ password }) => password)).toEqual(['third', 'first']);
  });

  it.each([
    ['back an hour', -3600_000],
    ['forward an hour', 3600_000],
  ])('the pause after a failed try is a minute of time that passes, where the clock is set %s', async (_, jumpMs) => {
    await storePending((await create()).id);
    domain.outcome = 'INVALID_CREDENTIALS';
    const before = domain.asked.length;
    await refuse();
    domain.setMs = jumpMs;
    later(jumpMs + 59_000);
    const source = await domain.pulls.resolve(puller, image).catch(() => undefined);
    expect([source, domain.asked.length - before]).toEqual([undefined, 1]);
    later(1_000);
    await refuse();
    expect(domain.asked.length - before).toBe(2);
  });

  it('a password that stays rejected is tried less and less often, down to once an hour, and promoted once the registry accepts it', async () => {
    await storePending((await create()).id);
    domain.outcome = 'INVALID_CREDENTIALS';
    const [before, begin] = [domain.asked.length, domain.time.getTime()];
    const triedAfterMinutes: number[] = [];
    for (let minute = 0; minute < 6 * 60; minute += 1) {
      const asked = domain.asked.length;
      await refuse();
      if (domain.asked.length > asked) triedAfterMinutes.push((domain.time.getTime() - begin) / 60_000);
      later(60_000);
    }
    expect(triedAfterMinutes).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303]);
    expect(domain.asked.slice(before).every(({ password }) => password === 'second')).toBe(true);
    domain.outcome = 'VALID';
    later(60 * 60_000);
    await refuse();
    expect(await currentPassword()).toBe('second');
  });

  it('a new password that waits is tried at the next refusal, however often the one before it failed', async () => {
    const { id } = await create();
    await storePending(id);
    domain.outcome = 'INVALID_CREDENTIALS';
    for (let count = 0; count < 5; count += 1) {
      await refuse();
      later(3_600_000);
    }
    await storePending(id, 'third');
    await refuse();
    expect(await currentPassword()).toBe('third');
  });

  it('a proven password that cannot be stored lets the refused one be sent no more, and is stored by a later try', async () => {
    await storePending((await create()).id);
    // No change is made without its audit event.
    await domain.rows('ALTER TABLE audit_event RENAME TO audit_event_gone');
    const sources = [await domain.pulls.resolve(puller, image), await domain.pulls.resolve(puller, image)] as const;
    await expect(domain.pulls.recordUse(puller, sources[0], 'INVALID_CREDENTIALS')).rejects.toBeInstanceOf(Error);
    const blocked = { code: 'UPSTREAM_FAILED', reason: 'INVALID_CREDENTIALS' };
    await expect(domain.pulls.resolve(puller, image)).rejects.toMatchObject(blocked);
    const asked = domain.asked.length;
    // It had been sent already, and its end is no fault of the try before it.
    await domain.pulls.recordUse(puller, sources[1], 'INVALID_CREDENTIALS');
    await expect(domain.pulls.resolve(puller, image)).rejects.toMatchObject(blocked);
    expect(domain.asked).toHaveLength(asked);
    await domain.rows('ALTER TABLE audit_event_gone RENAME TO audit_event');
    later(61_000);
    await refuse();
    expect(await currentPassword()).toBe('second');
  });

  it('the previous one comes back when it is proven, without a longer window', async () => {
    const { id } = await create();
    await domain.registries.update(writer, id, { password: new Secret('second'), rotation: 'PENDING' }, checked);
    const until = (await domain.registries.get(writer, { id }))?.previousUsableUntil;
    later(3_600_000);
    await refuse();
    expect(await currentPassword()).toBe('first');
    expect((await domain.registries.get(writer, { id }))?.previousUsableUntil).toEqual(until);
  });

  it.each([
    ['pending', storePending],
    [
      'previous',
      (id: string) =>
        domain.registries.update(writer, id, { password: new Secret('second'), rotation: 'PENDING' }, checked),
    ],
  ] as const)('a %s one is not tried after its window', async (_, prepare) => {
    await prepare((await create()).id);
    const before = domain.asked.length;
    later(rotationWindowMs + 1);
    await refuse();
    expect(domain.asked).toHaveLength(before);
  });

  it('a pull that comes during the try waits for it and gets the new password', async () => {
    await storePending((await create()).id);
    const source = await domain.pulls.resolve(puller, image);
    const { promise, resolve } = Promise.withResolvers<void>();
    domain.meanwhile = () => promise;
    const trying = domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS');
    const coming = currentPassword();
    resolve();
    await trying;
    expect(await coming).toBe('second');
  });

  it('a pull whose client leaves during the try does not wait for it, and the try goes on', async () => {
    await storePending((await create()).id);
    const source = await domain.pulls.resolve(puller, image);
    const { promise, resolve } = Promise.withResolvers<void>();
    domain.meanwhile = () => promise;
    const trying = domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS');
    const leaver = new AbortController();
    const leaving = domain.pulls.resolve({ ...puller, signal: () => leaver.signal }, image);
    leaver.abort(new Error('the client left'));
    await expect(leaving).rejects.toThrow('the client left');
    resolve();
    await trying;
    expect(await currentPassword()).toBe('second');
  });

  it('the one before stays for the window, though another process rotated the data key during the try', async () => {
    const { id } = await create();
    await storePending(id);
    domain.meanwhile = () =>
      rotateDataKey({
        keyringFile: domain.keyringFile,
        keys: domain.store.keys,
        now: () => domain.time,
        actor: 'cli',
        requestId: '',
      });
    await refuse();
    domain.meanwhile = undefined;
    expect(await currentPassword()).toBe('second');
    later(61_000);
    await refuse();
    expect(await currentPassword()).toBe('first');
  });

  it('a concurrent change of the display name is no new password: the alternate is tried, and the rejected one is not sent again', async () => {
    const { id } = await create();
    await storePending(id);
    const source = await domain.pulls.resolve(puller, image);
    await rename(id);
    domain.outcome = 'INVALID_CREDENTIALS';
    await domain.pulls.recordUse(puller, source, 'INVALID_CREDENTIALS');
    expect(domain.asked.at(-1)).toMatchObject({ password: 'second' });
    await expect(domain.pulls.resolve(puller, image)).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      reason: 'INVALID_CREDENTIALS',
    });
  });

  it('a change of the display name during the attempt does not stop the promotion of an accepted password', async () => {
    const { id } = await create();
    await storePending(id);
    domain.meanwhile = () => rename(id);
    await refuse();
    expect(await currentPassword()).toBe('second');
    expect(await domain.registries.get(writer, { id })).toMatchObject({ name: 'Another name', pendingSince: null });
  });

  it('a new password during the try is current, and is sent at once', async () => {
    const { id } = await create();
    await storePending(id);
    domain.meanwhile = () =>
      domain.registries.update(writer, id, { password: new Secret('third') }, { ...checked, validate: false });
    await refuse();
    expect(await currentPassword()).toBe('third');
  });

  it('the attempt is reported to the metrics', async () => {
    await storePending((await create()).id);
    const before = domain.observed.length;
    await refuse();
    expect(domain.observed.slice(before)).toMatchObject([{ outcome: 'VALID' }]);
  });

  it('a pending one that was sealed for another slot is not tried', async () => {
    const { id } = await create();
    await storePending(id);
    const { current, pending } = {
      current: await domain.store.registries.sealed(id),
      pending: (await domain.store.registries.sealedAlternates(id))?.pending,
    };
    const stored = (await domain.store.registries.byId(id))!;
    const event = {
      at: domain.time,
      actor: 'mallory',
      account: 'admin',
      action: 'registry.update',
      target: id,
      targetText: '',
      outcome: 'DONE',
      requestId: '',
    } as const;
    // Swaps the slots, as an attacker with write access to the database could.
    await domain.store.registries.update({ ...stored, version: stored.version + 1 }, pending!, stored.version, event, {
      pending: current!,
      previous: null,
    });
    const before = domain.asked.length;
    await refuse();
    expect(domain.asked).toHaveLength(before);
    await expect(domain.pulls.resolve(puller, image)).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' });
  });
});

it.each([
  ['a new password', { password: new Secret('third') }, false],
  ['another user name', { password: new Secret('third'), username: 'other' }, false],
  ['another name', { name: 'Another name' }, true],
])('%s in an ordinary update: the password that waits is kept: %j', async (_, input, isKept) => {
  const { id } = await create();
  await storePending(id);
  const { registry } = await domain.registries.update(writer, id, input, checked);
  expect(registry.pendingSince !== null).toBe(isKept);
  expect((await domain.store.registries.sealedAlternates(id))?.pending !== null).toBe(isKept);
  await refuse().catch(() => undefined);
  if (isKept) expect(await currentPassword()).toBe('second');
});

it('a password whose window has passed is shown no more, and the next update clears it away', async () => {
  const { id } = await create();
  await domain.registries.update(writer, id, { password: new Secret('second'), rotation: 'PENDING' }, checked);
  await storePending(id, 'third');
  expect(await domain.store.registries.sealedAlternates(id)).toMatchObject({
    pending: expect.anything(),
    previous: expect.anything(),
  });
  later(rotationWindowMs);
  const forgotten = { pendingSince: null, previousUsableUntil: null };
  expect(await domain.registries.get(writer, { id })).toMatchObject(forgotten);
  expect((await domain.registries.list(writer, {})).nodes).toMatchObject([forgotten]);
  expect((await rename(id)).registry).toMatchObject(forgotten);
  expect(await domain.store.registries.byId(id)).toMatchObject(forgotten);
  expect(await domain.store.registries.sealedAlternates(id)).toEqual({ pending: null, previous: null });
});

it('a previous password whose end a wrong clock put far into the future is shown and tried no more', async () => {
  const { id } = await create();
  await domain.registries.update(writer, id, { password: new Secret('second'), rotation: 'PENDING' }, checked);
  expect((await domain.registries.get(writer, { id }))?.previousUsableUntil).not.toBeNull();
  later(-400 * 24 * 60 * 60_000);
  expect(await domain.registries.get(writer, { id })).toMatchObject({ previousUsableUntil: null });
});

it('a new password that waits clears away a previous one whose window has passed', async () => {
  const { id } = await create();
  await domain.registries.update(writer, id, { password: new Secret('second'), rotation: 'PENDING' }, checked);
  later(rotationWindowMs);
  await storePending(id, 'third');
  expect(await domain.store.registries.byId(id)).toMatchObject({
    pendingSince: domain.time,
    previousUsableUntil: null,
  });
  expect(await domain.store.registries.sealedAlternates(id)).toMatchObject({
    pending: expect.anything(),
    previous: null,
  });
});

it('a validation is published if a report was written, and not if a new password is only stored as pending', async () => {
  const told: string[] = [];
  domain.store.notifications.listen((text) => told.push(text));
  const { id } = await create();
  const kinds = () => told.map((text) => text.split('"')[1] ?? '').toSorted((one, other) => one.localeCompare(other));
  await storePending(id);
  await refuse();
  await expect.poll(kinds).toEqual(['CREATED', 'UPDATED', 'UPDATED', 'VALIDATED', 'VALIDATED']);
});
