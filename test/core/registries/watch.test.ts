// Streams of what happens to registries: after the commit, to those who may, for as long as their login lasts, within bounds.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Caller } from '../../../src/core/authz/principal.ts';
import type { RegistryChange } from '../../../src/core/registries/watch.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { insertAccount } from '../../server/rest/harness.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';

let domain: TestDomain;
const writer = callerOf('READ_WRITE');
const checked = { secureConnection: true, validate: true };
const unchecked = { secureConnection: true, validate: false };

beforeEach(async () => {
  domain = await openDomain();
});

afterEach(async () => {
  domain.subscriptions.end();
  await domain.close();
});

const create = (host: string, settings = unchecked, caller: Caller = writer) =>
  domain.registries
    .create(caller, { registry: host, username: 'u', password: new Secret('hunter2') }, settings)
    .then(({ registry }) => registry);

/** The next `count` messages of a stream. */
async function take<T>(stream: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const message of stream) {
    taken.push(message);
    if (taken.length === count) break;
  }
  return taken;
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'OK',
    (error: unknown) => [(error as { code?: unknown }).code, (error as { reason?: unknown }).reason],
  );

it('reports each change with the registry as it is then, for any actor', async () => {
  const stream = await domain.subscriptions.changes(writer, {});
  const { id } = await create('a.example');
  await domain.registries.update(callerOf('ADMIN'), id, { name: 'Other' }, unchecked);
  const seen: RegistryChange[] = [];
  const reading = (async () => {
    for await (const change of stream) if (seen.push(change) === 3) break;
  })();
  await expect.poll(() => seen.length).toBe(2);
  await domain.registries.delete(writer, id);
  await reading;
  expect(seen.map(({ kind, registry, id: told }) => [kind, told, registry?.name])).toEqual([
    ['CREATED', id, 'Other'],
    ['UPDATED', id, 'Other'],
    ['DELETED', id, undefined],
  ]);
});

it('reports each validation that was recorded, and none that was skipped', async () => {
  const stream = await domain.subscriptions.validations(writer, {});
  await create('skipped.example');
  const { id } = await create('a.example', checked);
  domain.outcome = 'INVALID_CREDENTIALS';
  await domain.registries.validate(writer, id);
  const [first, second] = await take(stream, 2);
  expect([first?.id, second?.id, second?.lastValidation?.outcome]).toEqual([id, id, 'INVALID_CREDENTIALS']);
});

it('reports nothing that was not stored', async () => {
  const sent: string[] = [];
  domain.store.notifications.listen((text) => sent.push(text));
  domain.outcome = 'INVALID_CREDENTIALS';
  await codeOf(create('refused.example', checked));
  const { id } = await create('a.example');
  await codeOf(create('a.example'));
  await codeOf(domain.registries.update(writer, id, { password: new Secret('bad') }, checked));
  await codeOf(domain.registries.delete(writer, 'reg_00000000000000000000000000000000'));
  await expect.poll(() => sent).toEqual([JSON.stringify(['CREATED', id, 'admin'])]);
});

it('is readable in the store at the moment it is reported', async () => {
  const found: Promise<unknown>[] = [];
  domain.store.notifications.listen((text) =>
    found.push(domain.store.registries.byId(String((JSON.parse(text) as unknown[])[1]))),
  );
  await create('a.example');
  await expect.poll(() => found.length).toBe(1);
  expect(await Promise.all(found)).toMatchObject([{ registry: 'a.example' }]);
});

it('reports to an account only its own registries, and to an admin those of the named account', async () => {
  await insertAccount(domain, 'tenant');
  const tenant = callerOf('READ_WRITE', 'tenant', { subject: 'token:tenant' });
  const [own, foreign] = [
    await domain.subscriptions.changes(tenant, {}),
    await domain.subscriptions.changes(callerOf('ADMIN'), { account: 'tenant' }),
  ];
  await create('admin.example');
  const { id } = await create('tenant.example', unchecked, tenant);
  expect([(await take(own, 1))[0]?.id, (await take(foreign, 1))[0]?.id]).toEqual([id, id]);
  expect(await codeOf(domain.subscriptions.changes(tenant, { account: 'admin' }))).toEqual(['NOT_FOUND', undefined]);
});

it.each([
  ['was revoked', async () => undefined],
  ['may no longer', async () => callerOf('PULL').principal],
  ['moved to another account', async () => callerOf('READ_WRITE', 'elsewhere').principal],
] satisfies [string, TestDomain['resolveLogin']][])(
  'ends when its principal %s: at the next event, which is not reported, and without an event in time',
  async (_case, resolveLogin) => {
    const [busy, quiet] = [
      await domain.subscriptions.changes(writer, {}),
      await domain.subscriptions.changes(writer, {}),
    ];
    domain.resolveLogin = resolveLogin;
    await create('secret.example');
    expect(await codeOf(take(busy, 1))).toEqual(['UNAUTHENTICATED', undefined]);
    expect(await codeOf(take(quiet, 1))).toEqual(['UNAUTHENTICATED', undefined]);
    domain.resolveLogin = async (login) => ({ ...login, images: null });
    const idle = await domain.subscriptions.changes(writer, {});
    const end = codeOf(take(idle, 1));
    domain.resolveLogin = resolveLogin;
    domain.passTime();
    expect(await end).toEqual(['UNAUTHENTICATED', undefined]);
  },
);

it('continues while its principal is still valid', async () => {
  const stream = await domain.subscriptions.changes(writer, {});
  const first = take(stream, 1);
  for (let round = 0; round < 3; round += 1) {
    domain.passTime();
    await new Promise(setImmediate);
  }
  await create('a.example');
  expect(await first).toHaveLength(1);
});

it('is ended with an error when its reader is too slow, and holds no more than its bound', async () => {
  const [{ subscriptions, store }] = domain.replicas;
  const heard: string[] = [];
  const stream = await subscriptions.changes(writer, {});
  store.notifications.listen((text) => heard.push(text));
  for (let index = 0; index <= 100; index += 1)
    store.notifications.send(JSON.stringify(['DELETED', `reg_${index}`, 'admin']));
  await expect.poll(() => heard.length).toBe(101);
  expect(await codeOf(take(stream, 1))).toEqual(['RATE_LIMITED', 'SLOW_READER']);
});

it('is one of a bounded number for each login on a server, and a client that left makes room', async () => {
  const [{ subscriptions }] = domain.replicas;
  const leaving = new AbortController();
  await subscriptions.changes({ ...writer, signal: () => leaving.signal }, {});
  for (let count = 1; count < 10; count += 1) await subscriptions.validations(writer, {});
  expect(await codeOf(subscriptions.changes(writer, {}))).toEqual(['RATE_LIMITED', 'TOO_MANY_STREAMS']);
  await subscriptions.changes(callerOf('ADMIN'), {});
  leaving.abort();
  await subscriptions.changes(writer, {});
});

it('ends in good order when the client leaves or the server stops', async () => {
  const leaving = new AbortController();
  const [left, stopped] = [
    await domain.subscriptions.changes({ ...writer, signal: () => leaving.signal }, {}),
    await domain.subscriptions.changes(writer, {}),
  ];
  const ends = Promise.all([take(left, 1), take(stopped, 1)]);
  leaving.abort();
  domain.subscriptions.end();
  expect(await ends).toEqual([[], []]);
});

it.each([
  '',
  'null',
  '[]',
  '["CREATED"]',
  '["GONE","reg_1","admin"]',
  '["CREATED",1,"admin"]',
  '{"kind":"CREATED"}',
  '[',
])('ignores %j on the same channel', async (text) => {
  const stream = await domain.subscriptions.changes(writer, {});
  domain.store.notifications.send(text);
  const { id } = await create('a.example');
  expect((await take(stream, 1))[0]?.id).toBe(id);
});
