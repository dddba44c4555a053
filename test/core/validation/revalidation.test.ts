// Checks on schedule: what is due and when, by one server, and never again for a credential that was rejected.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { publishChanges } from '../../../src/core/registry/events.ts';
import type { Registry } from '../../../src/core/registry/registry.ts';
import {
  type ValidationOutcome,
  validationOutcomes,
  type ValidationReport,
} from '../../../src/core/registry/report.ts';
import type { DueQuery } from '../../../src/core/registry/store.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { type Revalidation, startRevalidation } from '../../../src/core/validation/revalidation.ts';
import { dueAt } from '../../../src/core/validation/schedule.ts';
import type { Validator } from '../../../src/core/validation/validator.ts';
import { callerOf, openDomain, reportOf, type TestDomain } from '../../support/domain.ts';

const claimMs = 120_000;
const firstPauseMs = 600_000;
const hourMs = 3_600_000;
const everyMs = 24 * hourMs;
const id = 'reg_00000000000000000000000000000000';
const writer = callerOf('READ_WRITE');

let domain: TestDomain;
let asked: string[];
let answer: (host: string) => Promise<ValidationReport> | ValidationReport;
let faults: unknown[];
/** The monotonic clock, which does not move by itself. */
let elapsed = 0;
const started: Revalidation[] = [];

beforeEach(async () => {
  domain = await openDomain();
  asked = [];
  faults = [];
  answer = () => ({ ...reportOf('VALID'), checkedAt: domain.time.getTime() });
});

afterEach(async () => {
  for (const revalidation of started.splice(0)) await revalidation.close();
  await domain.close();
});

function start(registries = domain.store.registries): Revalidation {
  const validator: Validator = {
    async check({ host }) {
      asked.push(host);
      return answer(host);
    },
  };
  const revalidation = startRevalidation({
    registries: publishChanges(registries, domain.store.notifications),
    access: domain.store.access,
    sealer: domain.sealer,
    validator,
    now: () => domain.time,
    observeValidation: () => undefined,
    everyMs,
    setTimer: () => () => undefined,
    monotonicMs: () => elapsed,
    newRequestId: () => 'request-1',
    onFailure: (fault) => faults.push(fault),
  });
  started.push(revalidation);
  return revalidation;
}

const add = async (host: string, validate = true) =>
  (
    await domain.registries.create(
      writer,
      { registry: host, username: 'u', password: new Secret('hunter2') },
      { secureConnection: true, validate },
    )
  ).registry;
const pass = (ms: number) => void (domain.time = new Date(domain.time.getTime() + ms));
const lastOf = async (registryId: string) => (await domain.store.registries.byId(registryId))?.lastValidation;
const at = (outcome: ValidationOutcome, more: Partial<ValidationReport> = {}) =>
  dueAt({ id, lastValidation: { ...reportOf(outcome), checkedAt: 0, ...more } }, everyMs);

const never = [
  'SKIPPED',
  'INVALID_CREDENTIALS',
  'INSUFFICIENT_SCOPE',
  'UPSTREAM_FORBIDDEN',
  'LOCKED_OUT',
  'NATIVE_CREDENTIAL_ERROR',
];
const soon = [
  'DNS_FAILURE',
  'UNREACHABLE',
  'TIMEOUT',
  'CONNECTION_CLOSED',
  'RATE_LIMITED',
  'TOKEN_ENDPOINT_ERROR',
  'UPSTREAM_ERROR',
];

it.each(validationOutcomes.map((outcome) => [outcome]))(
  'after %s a credential is due as its outcome says',
  (outcome) => {
    expect(at(outcome)).toBe(never.includes(outcome) ? undefined : soon.includes(outcome) ? firstPauseMs : everyMs);
  },
);

it('what only a pull called invalid is due soon, and after that as its own outcome says', async () => {
  const fromPull = { replaced: null };
  expect(at('INVALID_CREDENTIALS', { fromPull })).toBe(firstPauseMs);
  const { id: rejected } = await add('pulled.example', false);
  const image = { host: 'pulled.example', repository: 'a/b' };
  const puller = callerOf('PULL');
  await domain.pulls.recordUse(puller, await domain.pulls.resolve(puller, image), 'INVALID_CREDENTIALS');
  const revalidation = start();
  await revalidation.sweep();
  expect(asked).toEqual([]);
  pass(2 * firstPauseMs);
  answer = () => ({ ...reportOf('INVALID_CREDENTIALS'), checkedAt: domain.time.getTime() });
  await revalidation.sweep();
  expect(asked).toEqual(['pulled.example']);
  expect((await lastOf(rejected))?.fromPull).toBeUndefined();
  pass(everyMs);
  await revalidation.sweep();
  expect(asked).toHaveLength(1);
});

it('pauses double up to the interval, and a time that the registry named holds', () => {
  const pauses = [1, 2, 3, 20].map((failures) => at('UNREACHABLE', { schedule: { failures, claimedUntil: 0 } }));
  expect(pauses).toEqual([firstPauseMs, 2 * firstPauseMs, 4 * firstPauseMs, everyMs]);
  expect(at('RATE_LIMITED', { retryAfter: 9 * hourMs })).toBe(9 * hourMs);
  expect(dueAt({ id, lastValidation: null }, everyMs)).toBeUndefined();
});

it('registries that were checked together are due apart, each within a fifth of the interval', () => {
  const due = ['00000000', '80000000', 'ffffffff'].map(
    (end) =>
      dueAt({ id: `reg_${'0'.repeat(24)}${end}`, lastValidation: { ...reportOf('VALID'), checkedAt: 0 } }, everyMs) ??
      0,
  );
  expect(due[0]).toBe(everyMs);
  expect(due[1]).toBeCloseTo(1.1 * everyMs, -3);
  expect(due[2]).toBeCloseTo(1.2 * everyMs, -3);
});

it('validates due registries with the stored password, records the outcome, and skips the others', async () => {
  domain.outcome = 'VALID';
  const { id: old } = await add('old.example');
  await add('unchecked.example', false);
  pass(1.3 * everyMs);
  await start().sweep();
  expect([asked, faults, (await lastOf(old))?.checkedAt]).toEqual([['old.example'], [], domain.time.getTime()]);
  await start().sweep();
  expect(asked).toEqual(['old.example']);
});

it('never sends a rejected credential again, until it is changed', async () => {
  const registry = await add('a.example');
  answer = () => ({ ...reportOf('INVALID_CREDENTIALS'), checkedAt: domain.time.getTime() });
  for (let day = 0; day < 5; day += 1) {
    pass(1.3 * everyMs);
    await start().sweep();
  }
  expect(asked).toEqual(['a.example']);
  await domain.registries.update(
    writer,
    registry.id,
    { password: new Secret('new') },
    { secureConnection: true, validate: true },
  );
  pass(1.3 * everyMs);
  await start().sweep();
  expect(asked).toHaveLength(2);
});

it('sends no password of a disabled account, and continues once it is enabled', async () => {
  const admin = callerOf('ADMIN');
  await domain.useCases.accounts.create(admin, { name: 'tenant' });
  await domain.registries.create(
    admin,
    { registry: 'a.example', username: 'u', password: new Secret('hunter2'), account: 'tenant' },
    { secureConnection: true, validate: true },
  );
  await domain.useCases.accounts.disable(admin, { name: 'tenant' });
  pass(1.3 * everyMs);
  await start().sweep();
  expect([asked, faults]).toEqual([[], []]);
  await domain.useCases.accounts.enable(admin, { name: 'tenant' });
  await start().sweep();
  expect([asked, faults]).toEqual([['a.example'], []]);
});

it('of several servers that sweep at once, one checks each registry', async () => {
  for (let index = 0; index < 12; index += 1) await add(`r${index}.example`);
  pass(1.3 * everyMs);
  await Promise.all([start(), start(), start()].map((server) => server.sweep()));
  expect(asked.toSorted()).toEqual([...new Set(asked)].toSorted());
  expect(asked).toHaveLength(12);
});

it('leaves the registry of a server that died during its check to another, in time', async () => {
  const { id: registryId, version, lastValidation } = await add('a.example');
  pass(1.3 * everyMs);
  const claimed = {
    ...(lastValidation ?? reportOf('VALID')),
    schedule: { failures: 0, claimedUntil: domain.time.getTime() + claimMs },
  };
  expect(
    await domain.store.registries.exchangeValidation(registryId, version, lastValidation ?? claimed, claimed),
  ).toBe(true);
  await start().sweep();
  expect(asked).toEqual([]);
  pass(claimMs);
  await start().sweep();
  expect(asked).toEqual(['a.example']);
});

/** Holds checks until it is told to let them go, and counts those that run. */
function heldChecks(until: (running: number) => boolean) {
  let running = 0;
  const full = Promise.withResolvers<void>();
  const counts = { most: 0, mostOf: new Map<string, number>() };
  const ofHost = new Map<string, number>();
  answer = async (host) => {
    running += 1;
    ofHost.set(host, (ofHost.get(host) ?? 0) + 1);
    counts.most = Math.max(counts.most, running);
    counts.mostOf.set(host, Math.max(counts.mostOf.get(host) ?? 0, ofHost.get(host)!));
    if (until(running)) full.resolve();
    await full.promise;
    // Time for one too many to begin.
    await new Promise((resolve) => setTimeout(resolve, 20));
    running -= 1;
    ofHost.set(host, ofHost.get(host)! - 1);
    return { ...reportOf('VALID'), checkedAt: domain.time.getTime() };
  };
  return counts;
}

it('runs few checks at once', async () => {
  for (let index = 0; index < 20; index += 1) await add(`r${index}.example`);
  pass(1.3 * everyMs);
  const counts = heldChecks((running) => running === 16);
  await start().sweep();
  expect([asked.length, counts.most]).toEqual([20, 16]);
});

it('runs two checks of one host at once, and meanwhile those of others', async () => {
  for (let index = 0; index < 6; index += 1) await add(`busy.example/r${index}`);
  for (let index = 0; index < 3; index += 1) await add(`r${index}.example`);
  pass(1.3 * everyMs);
  const counts = heldChecks((running) => running === 5);
  await start().sweep();
  expect([asked.length, counts.mostOf.get('busy.example')]).toEqual([9, 2]);
});

it('a claim that fails ends the sweep, but not before the checks of the claims beside it', async () => {
  for (let index = 0; index < 2; index += 1) await add(`r${index}.example`);
  pass(1.3 * everyMs);
  const { registries } = domain.store;
  let claims = 0;
  const oneFails: typeof registries.exchangeValidation = async (...args) => {
    claims += 1;
    if (claims === 1) throw new Problem('STORAGE_UNAVAILABLE', 'away');
    await new Promise((resolve) => setTimeout(resolve, 20));
    return registries.exchangeValidation(...args);
  };
  let checked = 0;
  answer = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    checked += 1;
    return { ...reportOf('VALID'), checkedAt: domain.time.getTime() };
  };
  await start({ ...registries, exchangeValidation: oneFails }).sweep();
  expect([checked, faults.length]).toEqual([1, 1]);
});

it('goes on with a host whose checks end while the due registries of others are read', async () => {
  for (let index = 0; index < 6; index += 1) await add(`busy.example/r${index}`);
  pass(1.3 * everyMs);
  const { registries } = domain.store;
  const slowly: typeof registries.due = async (query) => {
    const found = await registries.due(query);
    // Longer than the checks that made the host full.
    if (query.exceptHosts.includes('busy.example')) await new Promise((resolve) => setTimeout(resolve, 300));
    return found;
  };
  await start({ ...registries, due: slowly }).sweep();
  expect(asked).toHaveLength(6);
});

it('hosts that do not answer wait at the end, however many registries they have', async () => {
  for (let index = 0; index < 40; index += 1) await add(`dead.example/r${index}`);
  for (let index = 0; index < 20; index += 1) await add(`r${index}.example`);
  pass(1.3 * everyMs);
  answer = (host) => ({
    ...reportOf(host === 'dead.example' ? 'TIMEOUT' : 'VALID'),
    checkedAt: domain.time.getTime(),
  });
  await start().sweep();
  const dead = asked.filter((host) => host === 'dead.example');
  expect([asked.length - dead.length, dead.length]).toEqual([20, 2]);
});

it('registries of a host that waits are passed over once, and again after a minute, not at each look for others', async () => {
  for (let index = 0; index < 3; index += 1) await add(`dead.example/r${index}`);
  pass(2 * everyMs);
  for (let index = 0; index < 40; index += 1) await add(`r${index}.example`);
  pass(1.3 * everyMs);
  const { registries } = domain.store;
  const looks: string[][] = [];
  const reads: number[] = [];
  const counting: typeof registries = {
    ...registries,
    dueSince: async (...args) => (looks.push([...args[1]]), registries.dueSince(...args)),
    due: async (query) => (reads.push(domain.time.getTime() - query.sinceMs), registries.due(query)),
  };
  answer = (host) => {
    if (asked.length === 30) elapsed += 61_000;
    return { ...reportOf(host === 'dead.example' ? 'TIMEOUT' : 'VALID'), checkedAt: domain.time.getTime() };
  };
  const revalidation = start(counting);
  await revalidation.sweep();
  expect([asked.filter((host) => host !== 'dead.example').length, looks]).toEqual([40, [[], ['dead.example']]]);
  pass(everyMs / 2);
  looks.length = 0;
  reads.length = 0;
  await revalidation.sweep();
  expect(looks).toEqual([['dead.example']]);
  // Nothing else is due: the read begins at the end.
  expect(reads).toEqual([0]);
});

it('what is full and what waits is not looked through again until room comes', async () => {
  for (let index = 0; index < 8; index += 1) await add(`busy.example/r${index}`);
  pass(1.3 * everyMs);
  const { registries } = domain.store;
  const empty: string[][] = [];
  const counting: typeof registries = {
    ...registries,
    due: async (query) => {
      const found = await registries.due(query);
      if (found.length === 0) empty.push([...query.exceptHosts]);
      return found;
    },
  };
  heldChecks((running) => running === 2);
  await start(counting).sweep();
  expect(asked).toHaveLength(8);
  // Once while the host is full, and once at the end, instead of once after each check.
  expect(empty).toEqual([['busy.example'], []]);
});

it('a host that answers again has all of its registries checked', async () => {
  for (let index = 0; index < 5; index += 1) await add(`dead.example/r${index}`);
  pass(1.3 * everyMs);
  let outcome: ValidationOutcome = 'TIMEOUT';
  answer = () => ({ ...reportOf(outcome), checkedAt: domain.time.getTime() });
  const revalidation = start();
  await revalidation.sweep();
  await revalidation.sweep();
  expect(asked).toHaveLength(2);
  outcome = 'VALID';
  elapsed += 2 * 60_000;
  await revalidation.sweep();
  expect(asked).toHaveLength(5);
});

it('registries that were unreachable leave half of the checks to the others', async () => {
  for (let index = 0; index < 20; index += 1) for (const kind of ['dead', 'r']) await add(`${kind}${index}.example`);
  answer = (host) => ({
    ...reportOf(host.startsWith('dead') ? 'TIMEOUT' : 'VALID'),
    checkedAt: domain.time.getTime(),
  });
  await start().sweep();
  pass(1.3 * everyMs);
  asked = [];
  const counts = heldChecks((running) => running === 16);
  await start().sweep();
  const dead = asked.slice(0, 16).filter((host) => host.startsWith('dead'));
  expect([asked.length, counts.most, dead.length]).toEqual([40, 16, 8]);
});

it('a check of the future, from a clock that was wrong, is made again', async () => {
  const { id: registryId, version } = await add('a.example');
  const future = { ...reportOf('VALID'), checkedAt: domain.time.getTime() + 365 * everyMs };
  await domain.store.registries.recordValidation(registryId, version, future, undefined);
  await start().sweep();
  expect([asked.length, (await lastOf(registryId))?.checkedAt]).toEqual([1, domain.time.getTime()]);
  await start().sweep();
  expect(asked).toHaveLength(1);
});

it('a registry that named a time on a clock that was wrong is checked once, and not again during the check', async () => {
  const { id: registryId, version } = await add('a.example');
  const now = domain.time.getTime();
  const future = { ...reportOf('RATE_LIMITED'), checkedAt: now, retryAfter: now + 365 * everyMs };
  await domain.store.registries.recordValidation(registryId, version, future, undefined);
  const counts = heldChecks(() => true);
  await start().sweep();
  expect([asked.length, counts.most, (await lastOf(registryId))?.outcome]).toEqual([1, 1, 'VALID']);
});

it('a password that does not open is tried once, whatever time its registry named on a clock that was wrong', async () => {
  const { id: registryId, version } = await add('a.example');
  const now = domain.time.getTime();
  const future = { ...reportOf('RATE_LIMITED'), checkedAt: now, retryAfter: now + 365 * everyMs };
  await domain.store.registries.recordValidation(registryId, version, future, undefined);
  domain.sealer.open = () => {
    throw new Problem('SECRET_UNREADABLE', 'damaged');
  };
  await start().sweep();
  expect(faults).toHaveLength(1);
});

it('a clock that is set back during a check leaves nothing in the future', async () => {
  const { id: registryId } = await add('a.example');
  answer = () => {
    const checkedAt = domain.time.getTime();
    pass(-hourMs);
    return { ...reportOf('VALID'), checkedAt };
  };
  await start().sweep();
  expect([asked.length, (await lastOf(registryId))?.checkedAt]).toEqual([1, domain.time.getTime()]);
});

it('reads nothing of what is not due', async () => {
  for (let index = 0; index < 30; index += 1) await add(`r${index}.example`);
  await start().sweep();
  const { registries } = domain.store;
  const read: number[] = [];
  const counting = { ...registries, due: async (query: DueQuery) => noted(await registries.due(query)) };
  const noted = (rows: Registry[]) => (read.push(rows.length), rows);
  await start(counting).sweep();
  expect(read).toEqual([0]);
});

it('tells how many registries wait, and since when', async () => {
  await add('a.example');
  await add('b.example');
  await add('unchecked.example', false);
  const checkedAt = domain.time.getTime();
  await start().sweep();
  const backlog = () => domain.store.registries.dueBacklog(domain.time.getTime());
  expect(await backlog()).toEqual({ count: 0, oldestMs: null });
  pass(1.3 * everyMs);
  const { count, oldestMs } = await backlog();
  expect([count, Math.floor((oldestMs! - checkedAt) / everyMs)]).toEqual([2, 1]);
  await start().sweep();
  expect(await backlog()).toEqual({ count: 0, oldestMs: null });
});

it('counts failures in a row over restarts, and forgets them after a success', async () => {
  const { id: registryId } = await add('a.example');
  answer = () => ({ ...reportOf('TIMEOUT'), checkedAt: domain.time.getTime() });
  pass(1.3 * everyMs);
  for (let round = 1; round <= 3; round += 1) {
    await start().sweep();
    expect((await lastOf(registryId))?.schedule?.failures).toBe(round);
    pass(firstPauseMs * 2 ** (round - 1) * 1.3);
  }
  answer = () => ({ ...reportOf('VALID'), checkedAt: domain.time.getTime() });
  await start().sweep();
  expect((await lastOf(registryId))?.schedule?.failures).toBe(0);
});

it('writes an audit event only if the outcome changes, and publishes each validation', async () => {
  const told: string[] = [];
  domain.store.notifications.listen((text) => told.push(text));
  const { id: registryId } = await add('a.example');
  const eventsOf = async () =>
    (await domain.store.audit.eventsAfter(0, 100)).filter(({ actor }) => actor === 'system:revalidation');
  pass(1.3 * everyMs);
  await start().sweep();
  expect(await eventsOf()).toEqual([]);
  answer = () => ({ ...reportOf('INVALID_CREDENTIALS'), checkedAt: domain.time.getTime() });
  pass(1.3 * everyMs);
  await start().sweep();
  expect(await eventsOf()).toMatchObject([
    { action: 'registry.validate', target: registryId, outcome: 'INVALID_CREDENTIALS' },
  ]);
  // One of the validations is that of the creation.
  const expected = ['CREATED', 'VALIDATED', 'VALIDATED', 'VALIDATED'].map((kind) =>
    JSON.stringify([kind, registryId, 'admin']),
  );
  await expect.poll(() => told.toSorted((one, other) => one.localeCompare(other))).toEqual(expected);
});

it('continues after a registry with an internal error, and records nothing over a concurrent change', async () => {
  const [bad, changed] = [await add('bad.example'), await add('changed.example')];
  await add('good.example');
  pass(1.3 * everyMs);
  answer = async (host) => {
    if (host === 'bad.example') throw new Error('a fault');
    if (host === 'changed.example')
      await domain.registries.update(writer, changed.id, { name: 'New' }, { secureConnection: true, validate: false });
    return { ...reportOf('TIMEOUT'), checkedAt: domain.time.getTime() };
  };
  await start().sweep();
  expect([asked.toSorted(), faults.length]).toEqual([['bad.example', 'changed.example', 'good.example'], 1]);
  expect([(await lastOf(bad.id))?.outcome, (await lastOf(changed.id))?.outcome]).toEqual(['VALID', 'SKIPPED']);
});

it('a password that does not open is logged once per interval, not at each sweep', async () => {
  const { id: registryId } = await add('a.example');
  const [stored, sealed] = [
    await domain.store.registries.byId(registryId),
    await domain.store.registries.sealed(registryId),
  ];
  const event = {
    at: domain.time,
    actor: 'mallory',
    account: 'admin',
    action: 'registry.update',
    target: registryId,
    targetText: '',
    outcome: 'DONE',
    requestId: '',
  } as const;
  // As an attacker with write access to the database could, to have the password sent elsewhere.
  await domain.store.registries.update({ ...stored!, host: 'evil.example', version: 2 }, sealed!, 1, event);
  const eventsOf = async () =>
    (await domain.store.audit.eventsAfter(0, 100)).filter(({ action }) => action === 'registry.secret_unreadable');
  pass(1.3 * everyMs);
  for (let look = 0; look < 5; look += 1) {
    await start().sweep();
    pass(claimMs + 1);
  }
  expect([asked, faults.length, (await eventsOf()).length]).toEqual([[], 1, 1]);
  pass(everyMs);
  await start().sweep();
  expect((await eventsOf()).length).toBe(2);
});
