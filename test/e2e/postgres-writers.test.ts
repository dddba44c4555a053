// Writers do not starve reads on PostgreSQL: they commit together, on connections of their own, and one that fails or waits holds up no other.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { verifyAudit } from '../../src/core/audit/verification.ts';
import type { Store } from '../../src/database/store.ts';
import { openStarted } from '../database/harness.ts';
import { sampleEvent, sampleMac, sampleRegistry, sampleSealed, sampleToken } from '../database/samples.ts';
import { connectSql, type Sql } from '../support/sql.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { type Relay, startRelay } from './support/relay.ts';
import { emptyDatabase } from './support/store.ts';

/** In each direction: long enough to outweigh a busy machine. */
const eachWayMs = 50;
const writers = 30;
const lastsMs = 6_000;

let server: PostgresServer;
let behind: Sql;
let relay: Relay;
let store: Store;
beforeAll(async () => {
  server = await startPostgres();
  behind = connectSql(server.url);
});
afterAll(async () => {
  await behind?.end();
  await server?.stop();
});
beforeEach(async () => {
  await emptyDatabase(behind);
  relay = await startRelay(server.url);
  store = await openStarted(relay.url);
});
afterEach(async () => {
  await store.close();
  await relay[Symbol.asyncDispose]();
});

const insert = (number: number, actor = 'token:tester') =>
  store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent({ actor, target: String(number) }));

const codeOf = (outcome: PromiseSettledResult<unknown>): unknown =>
  outcome.status === 'fulfilled' ? 'stored' : (outcome.reason as { code?: unknown }).code;

async function codesOf(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  return (await Promise.allSettled(calls)).map(codeOf);
}

/** Expects one event for each of these registries, in a whole chain. */
async function expectStored(numbers: readonly number[]): Promise<void> {
  const rows = await behind`SELECT id FROM registry ORDER BY id`;
  expect(rows.map(({ id }) => id)).toEqual(numbers.map((number) => sampleRegistry(number).id));
  const events = await behind`SELECT target FROM audit_event WHERE action = 'registry.create' ORDER BY target::int`;
  expect(events.map(({ target }) => target)).toEqual(numbers.map(String));
  expect(await verifyAudit({ trail: store.audit, mac: sampleMac })).toMatchObject({ intact: true });
}

interface Measured {
  readonly readMs: number;
  readonly createsPerRoundTrip: number;
}

/** Three readers read what a pull does, beside writers. */
async function measure(count: number, firstNumber: number): Promise<Measured> {
  const startedAt = performance.now();
  const isOver = () => performance.now() > startedAt + lastsMs;
  const readTimes: number[] = [];
  let number = firstNumber;
  let created = 0;
  const reader = async () => {
    while (!isOver()) {
      const before = performance.now();
      expect(await store.access.usableTokenById('reader')).toBeDefined();
      expect(await store.registries.findMostSpecific('admin', [sampleRegistry(0).registry])).toBeDefined();
      expect(await store.registries.sealed(sampleRegistry(0).id)).toBeDefined();
      readTimes.push(performance.now() - before);
    }
  };
  const writer = async () => {
    for (; !isOver(); created += 1) await insert((number += 1));
  };
  await Promise.all([...[1, 2, 3].map(reader), ...Array.from({ length: count }, writer)]);
  const roundTrips = (performance.now() - startedAt) / (eachWayMs * 2);
  const readMs = readTimes.toSorted((one, other) => one - other)[Math.floor(readTimes.length / 2)] ?? Infinity;
  return { readMs: Math.round(readMs), createsPerRoundTrip: created / roundTrips };
}

test(`with ${eachWayMs} ms in each direction and ${writers} writers, the reads of a pull at most double, and a round trip stores at least 0.92 registries: 92 a second at 10 ms`, async () => {
  await store.access.insertToken(sampleToken('reader'), sampleEvent(), 10);
  await insert(0);
  relay.delay = { toDatabaseMs: eachWayMs, toClientMs: eachWayMs };
  const quiet = await measure(0, 0);
  await measure(1, 10_000);
  const busy = await measure(writers, 20_000);
  console.log(`reads of a pull: ${quiet.readMs} ms, with ${writers} writers ${busy.readMs} ms`);
  console.log(`registries stored in a round trip: ${busy.createsPerRoundTrip.toFixed(2)}`);
  expect(busy.readMs).toBeLessThanOrEqual(quiet.readMs * 2);
  expect(busy.createsPerRoundTrip).toBeGreaterThanOrEqual(0.92);
});

test('of changes that wait together, one that the database refuses, one that is a duplicate, and one that comes too late fail alone', async () => {
  await insert(1);
  const duplicate = sampleRegistry(90, { registry: sampleRegistry(10).registry });
  const codes = await codesOf([
    insert(10),
    insert(11),
    // Its ID is taken, which no rule of Regway's foresees.
    store.registries.insert(sampleRegistry(1, { registry: 'other.example' }), sampleSealed(), sampleEvent()),
    store.registries.insert(duplicate, sampleSealed(), sampleEvent()),
    store.registries.update(sampleRegistry(1), sampleSealed(), 7, sampleEvent()),
    insert(12),
    store.registries.delete('reg_none', sampleEvent()),
    insert(13),
  ]);
  expect(codes).toEqual(['stored', 'stored', '23505', 'ALREADY_EXISTS', 'CONFLICT', 'stored', 'stored', 'stored']);
  await expectStored([1, 10, 11, 12, 13]);
});

test('a change of a row that another program locks waits alone', async () => {
  await insert(1);
  const other = connectSql(server.url);
  await other.unsafe(`BEGIN; SELECT 1 FROM registry WHERE id = '${sampleRegistry(1).id}' FOR UPDATE`);
  const changed = sampleRegistry(1, { version: 2, name: 'changed' });
  let isChanged = false;
  const event = sampleEvent({ action: 'registry.update' });
  const update = store.registries.update(changed, sampleSealed(), 1, event).then(() => (isChanged = true));
  const numbers = Array.from({ length: 20 }, (_, index) => index + 10);
  expect(await codesOf(numbers.map((number) => insert(number)))).toEqual(numbers.map(() => 'stored'));
  expect(isChanged).toBe(false);
  await insert(30);
  expect(isChanged).toBe(false);
  await other.unsafe('COMMIT');
  await other.end();
  await update;
  await expectStored([1, ...numbers, 30]);
});

test('two replicas that change the same registries at once, in opposite orders, each win some and get CONFLICT for the others', async () => {
  const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
  await Promise.all(numbers.map((number) => insert(number)));
  const other = await openStarted(relay.url);
  const change =
    ({ registries }: Store, name: string) =>
    (number: number) =>
      registries.update(sampleRegistry(number, { version: 2, name }), sampleSealed(), 1, sampleEvent());
  for (let delayMs = 0; delayMs <= 10; delayMs += 10) {
    relay.delay = { toDatabaseMs: delayMs, toClientMs: delayMs };
    await behind`UPDATE registry SET version = 1`;
    const codes = await Promise.all([
      codesOf(numbers.map(change(store, 'first'))),
      codesOf(numbers.toReversed().map(change(other, 'second'))),
    ]);
    expect(new Set(codes.flat())).toEqual(new Set(['CONFLICT', 'stored']));
    expect(codes.flat().filter((code) => code === 'stored')).toHaveLength(numbers.length);
  }
  await other.close();
  expect(await verifyAudit({ trail: store.audit, mac: sampleMac })).toMatchObject({ intact: true });
});

test('more writes than 1,000 that wait are RATE_LIMITED with a time to retry, those of the login that has the most, and another login gets its turn', async () => {
  await insert(1);
  relay.hang();
  const flood = Array.from({ length: 1_300 }, (_, index) => insert(index + 10, 'token:flood'));
  const codes = codesOf(flood);
  await pause(100);
  const other = insert(2, 'token:other');
  const refused = await Promise.race(flood).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'RATE_LIMITED', reason: 'WRITES' });
  const waitMs = Number((refused as { retryAfter?: number }).retryAfter) - Date.now();
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(2_000);
  relay.resume();
  await other;
  expect(await Promise.race([codes, pause(0, 'the flood still waits')])).toBe('the flood still waits');
  const counted = (await codes).filter((code) => code === 'RATE_LIMITED').length;
  expect((await codes).filter((code) => code === 'stored')).toHaveLength(1_300 - counted);
  expect(counted).toBeGreaterThanOrEqual(1_300 - 1_000 - 64);
  expect(counted).toBeLessThanOrEqual(1_300 - 1_000 + 1);
});
