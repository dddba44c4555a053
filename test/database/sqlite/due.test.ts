// Finding what is due costs what is found, not what is passed over: the rows of disabled accounts, and those before the start of a sweep.

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Store } from '../../../src/database/store.ts';
import { openStarted, temporaryDirectory } from '../harness.ts';
import { sampleEvent, sampleRegistry, sampleReport, sampleSealed } from '../samples.ts';

const backlog = 30_000;
const nowMs = Date.UTC(2030, 0, 1);
const query = { nowMs, latestMs: nowMs * 2, sinceMs: 0, limit: 16, exceptHosts: ['dead.example'], exceptOutcomes: [] };

let directory: ReturnType<typeof temporaryDirectory>;
let store: Store;
let url: string;

beforeAll(async () => {
  directory = temporaryDirectory();
  url = join(directory.path, 'regway.db');
  store = await openStarted(url);
  for (const name of ['other', 'gone'])
    await store.access.insertAccount({ name, createdAt: new Date(1), disabledAt: null }, sampleEvent());
  // Of two accounts, in turns.
  for (let number = 0; number < 40; number += 1) {
    const account = number % 2 === 0 ? 'admin' : 'other';
    const lastValidation = sampleReport({ checkedAt: Date.UTC(2026, 0, 1) + number });
    await store.registries.insert(sampleRegistry(number, { account, lastValidation }), sampleSealed(), sampleEvent());
  }
}, 60_000);

afterAll(async () => {
  await store.close();
  directory[Symbol.dispose]();
});

it('the longest due of all accounts come first, and none of a disabled one', async () => {
  const found = async (limit: number) =>
    (await store.registries.due({ ...query, limit })).map(({ lastValidation }) => lastValidation!.checkedAt % 1_000);
  const inOrder = Array.from({ length: 40 }, (_, number) => number);
  expect(await found(100)).toEqual(inOrder);
  expect(await found(7)).toEqual(inOrder.slice(0, 7));
  expect(await found(1)).toEqual([0]);
  await store.access.disableAccount('other', new Date(1), sampleEvent());
  expect(await found(3)).toEqual([0, 2, 4]);
  await store.access.enableAccount('other', sampleEvent());
  expect(await found(3)).toEqual([0, 1, 2]);
});

it('due registries of a disabled account cost a sweep nothing, nor do those before its start, however many', async () => {
  const { registries } = store;
  const quietMs = await cpuMs(() => registries.due(query));
  const count = (await registries.dueBacklog(nowMs)).count;
  addDue('gone', 'gone.example');
  await store.access.disableAccount('gone', new Date(1), sampleEvent());
  expect(await cpuMs(() => registries.due(query))).toBeLessThan(quietMs * 3 + 0.5);
  expect(await cpuMs(() => registries.dueBacklog(nowMs))).toBeLessThan(quietMs * 3 + 0.5);
  expect((await registries.dueBacklog(nowMs)).count).toBe(count);
  addDue('admin', 'dead.example');
  const sinceMs = await registries.dueSince(nowMs, query.exceptHosts);
  expect(sinceMs).toBeGreaterThan(backlog);
  expect(await cpuMs(() => registries.due({ ...query, sinceMs: sinceMs! }))).toBeLessThan(quietMs * 3 + 0.5);
  expect(await registries.due({ ...query, sinceMs: sinceMs! })).toEqual(await registries.due(query));
  expect(await registries.dueSince(nowMs, [])).toBe(1);
  expect(await registries.dueSince(0, [])).toBe(null);
}, 120_000);

/** Adds registries that are due since the first milliseconds of 1970. */
function addDue(account: string, host: string): void {
  const file = new Sqlite(url);
  file.pragma('synchronous = OFF');
  file.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${backlog})
    INSERT INTO registry (id, account, registry, host, name, type, username, secure_connection, version, secret_version, sealed, created_at, updated_at, next_check_at)
    SELECT 'reg_${host}' || n, '${account}', '${host}/' || n, '${host}', 'n', 'DOCKER_V2', 'u', 1, 1, 1, x'00', n, n, n FROM numbers`);
  file.close();
}

/** CPU milliseconds of one call, the least of some. */
async function cpuMs(run: () => Promise<unknown>): Promise<number> {
  await run();
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1_000);
  }
  return Math.min(...times);
}
