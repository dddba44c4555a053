// The store on threads: another's lock, a thread that dies, and a flood of calls each hurt only what needs them.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '../../src/core/shared/problem.ts';
import { openReads } from '../../src/database/sqlite/open.ts';
import { threadedRepositories } from '../../src/database/sqlite/threads/threaded-store.ts';
import { openStore, type Store, type StoreOptions } from '../../src/database/store.ts';
import { createMigratedFile } from '../support/migrated-file.ts';
import { migrationsDir, started, temporaryDirectory } from '../database/harness.ts';
import { pageQuery, sampleEvent, sampleMac, sampleRegistry, sampleSealed } from '../database/samples.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let url: string;
let store: Store;
const events: string[] = [];

const open = async (options: Partial<StoreOptions> = {}): Promise<Store> =>
  await started(
    await openStore({
      url,
      migrationsDir,
      owned: true,
      onDeath: (error) => events.push(`death: ${(error as Error).message}`),
      onGivenUp: () => events.push('given up'),
      ...options,
    }),
  );

beforeEach(async () => {
  events.length = 0;
  directory = temporaryDirectory();
  url = join(directory.path, 'regway.db');
  await createMigratedFile(url);
  store = await open();
  await insert(0);
});
afterEach(async () => {
  await store.close();
  directory[Symbol.dispose]();
});

const insert = (number: number, actor = 'token:tester') =>
  store.registries.insert(
    sampleRegistry(number),
    sampleSealed(),
    sampleEvent({ actor, target: sampleRegistry(number).id }),
  );
const get = (number: number) => store.registries.byId(sampleRegistry(number).id);
const codeOf = (error: unknown) => (error instanceof Problem ? error.code : String(error));

/** The thread that runs what `call` calls. */
async function threadOf(call: () => Promise<unknown>): Promise<Worker> {
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  await call();
  const [worker] = post.mock.contexts as Worker[];
  post.mockRestore();
  if (worker === undefined) throw new Error('No thread was called.');
  return worker;
}

describe('a lock that another connection holds', () => {
  it('lets reads and the event loop go on, and the write that waits for it succeed', async () => {
    await store.registries.count('admin', {});
    const other = new Sqlite(url);
    other.exec('BEGIN IMMEDIATE');
    const begun = performance.now();
    let writtenMs = 0;
    const writing = insert(1).then(() => (writtenMs = performance.now() - begun));
    let reads = 0;
    while (performance.now() - begun < 1_500) {
      expect(await get(0)).toBeDefined();
      expect(await store.registries.count('admin', {})).toBe(1);
      reads += 1;
      await pause(5);
    }
    expect(writtenMs).toBe(0);
    other.exec('ROLLBACK');
    other.close();
    await writing;
    expect(writtenMs).toBeGreaterThan(1_400);
    // Before: 1, because the process stood still for as long as the lock was held, 5 s at most.
    expect(reads).toBeGreaterThan(5);
    expect(await get(1)).toBeDefined();
  });

  it('refuses the write after 5 s, changes nothing, and is forgotten', async () => {
    const other = new Sqlite(url);
    other.exec('BEGIN IMMEDIATE');
    expect(await insert(1).catch(codeOf)).toBe('STORAGE_UNAVAILABLE');
    expect(await get(1)).toBeUndefined();
    other.exec('ROLLBACK');
    other.close();
    await insert(1);
    expect(await get(1)).toBeDefined();
  });

  it('sends the read of a row that meets it to the thread that waits', async () => {
    const busy = new Problem('STORAGE_UNAVAILABLE', 'Locked.', { cause: new Error('SQLITE_BUSY') });
    const busyReads = { registries: () => () => Promise.reject(busy), tokens: () => () => Promise.reject(busy) };
    const reads = { ...openReads(url), read: () => Promise.reject(busy), preparedReads: busyReads };
    const { close, registries } = threadedRepositories(reads, {
      path: url,
      onDeath: () => undefined,
      onGivenUp: () => undefined,
    });
    expect((await registries.byId(sampleRegistry(0).id))?.id).toBe(sampleRegistry(0).id);
    await close(async () => undefined, false);
  });
});

describe('a thread that dies', () => {
  it('loses no acknowledged write, fails what it held, and stores again at once', async () => {
    const acknowledged = new Set<number>([0]);
    const held = new Set<number>();
    const refusals = new Set<unknown>();
    const worker = await threadOf(() => insert(1));
    acknowledged.add(1);
    const writes = Array.from({ length: 600 }, (_, index) =>
      insert(index + 2).then(
        () => acknowledged.add(index + 2),
        (error: unknown) => {
          refusals.add(codeOf(error));
          if ((error as Error).message.includes('may have been stored')) held.add(index + 2);
        },
      ),
    );
    await writes[20];
    await worker.terminate();
    await Promise.all(writes);
    await insert(700);
    acknowledged.add(700);
    expect(events).toEqual([expect.stringMatching(/^death: /)]);
    expect([...refusals]).toEqual(['STORAGE_UNAVAILABLE']);
    expect(held.size).toBeGreaterThan(0);
    expect(held.size).toBeLessThanOrEqual(128);
    await store.close();
    const file = new Sqlite(url, { readonly: true });
    const stored = new Set(file.prepare('SELECT id FROM registry').pluck().all());
    const changes = file.prepare('SELECT count(*) FROM audit_event').pluck().get();
    expect(file.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    file.close();
    expect([...acknowledged].filter((number) => !stored.has(sampleRegistry(number).id))).toEqual([]);
    expect(changes).toBe(stored.size);
    store = await open();
  });

  it('leaves reads of rows untouched, and long reads come back', async () => {
    const scans = await threadOf(() => store.registries.count('admin', {}));
    const counting = store.registries.count('admin', {});
    void scans.terminate();
    expect((await get(0))?.id).toBeDefined();
    expect([1, 'STORAGE_UNAVAILABLE']).toContain(await counting.catch(codeOf));
    expect(await store.registries.count('admin', {})).toBe(1);
  });

  it('is started again 3 times within a minute; then everything that needs it is refused', async () => {
    for (let death = 0; death < 4; death += 1) {
      expect(events).not.toContain('given up');
      const worker = await threadOf(async () => {
        void insert(death + 1).catch(codeOf);
        await pause(20);
      });
      await worker.terminate();
      await pause(20);
    }
    expect(events.at(-1)).toBe('given up');
    expect(await insert(9).catch(codeOf)).toBe('STORAGE_UNAVAILABLE');
    expect(await get(0)).toBeDefined();
  });
});

describe('too much at once', () => {
  it('refuses what one caller has too much of, with the time to come again, and serves another in turn', async () => {
    const other = new Sqlite(url);
    other.exec('BEGIN IMMEDIATE');
    const flood = Array.from({ length: 3_000 }, (_, index) =>
      insert(index + 1, 'token:flood').catch((error: unknown) => error),
    );
    const served = insert(5_000, 'token:other').then(() => 'served');
    await pause(50);
    other.exec('ROLLBACK');
    other.close();
    expect(await served).toBe('served');
    const refusals = (await Promise.all(flood)).filter((outcome) => outcome !== undefined);
    expect(refusals.length).toBeGreaterThanOrEqual(3_000 - 1_000 - 128);
    for (const refusal of refusals.slice(0, 3))
      expect(refusal).toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryAfter: expect.any(Number) as number });
    const stored = await store.registries.count('admin', {});
    expect(stored).toBe(3_000 - refusals.length + 2);
  });

  it('ends a read that exceeds its time, and answers the next one', async () => {
    const { close, registries, audit } = threadedRepositories(openReads(url), {
      path: url,
      onDeath: (error) => events.push(`death: ${(error as Error).message}`),
      onGivenUp: () => undefined,
      maxScanMs: 1,
    });
    await audit.start(sampleMac);
    // The thread has to load first, which takes longer than that.
    const outcome = await registries
      .page(pageQuery({ filter: { search: 'registry' } }))
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringMatching('took too long') as string,
    });
    expect(events).toEqual([]);
    await close(async () => undefined, false);
  });
});
