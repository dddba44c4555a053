// The write-ahead log has a bound: it is cut as soon as nobody reads from it, and long commands read from it for moments only.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { boundLog, logBytes } from '../../../src/database/sqlite/log-bound.ts';
import { openSnapshot } from '../../../src/database/snapshot.ts';
import { migrationsDir, openStarted, temporaryDirectory } from '../harness.ts';
import { sampleEvent, sampleRegistry, sampleSealed } from '../samples.ts';

const mebibyte = 1024 * 1024;

let directory: ReturnType<typeof temporaryDirectory>;
let url: string;
beforeEach(() => {
  directory = temporaryDirectory();
  url = join(directory.path, 'regway.db');
});
afterEach(() => directory[Symbol.dispose]());

test('a log that grew under a long read is cut when the read ends, and writes go on meanwhile', async () => {
  const writer = new Sqlite(url);
  writer.pragma('journal_mode = WAL');
  writer.exec('CREATE TABLE thing (content BLOB)');
  const reader = new Sqlite(url, { readonly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM thing').get();
  const stop = boundLog(writer, url, (work) => work());
  for (let piece = 0; piece < 70; piece += 1) writer.prepare('INSERT INTO thing VALUES (zeroblob(?))').run(mebibyte);
  await pause(1_500);
  expect(logBytes(url)).toBeGreaterThan(64 * mebibyte);
  reader.exec('COMMIT');
  // Before: it kept its size for as long as the server ran.
  for (let look = 0; look < 100 && logBytes(url) > 0; look += 1) await pause(100);
  expect(logBytes(url)).toBe(0);
  expect(reader.prepare('SELECT count(*) FROM thing').pluck().get()).toBe(70);
  stop();
  reader.close();
  writer.close();
});

/** Whether the log can begin anew at this moment, which no open read of an older state allows. */
function isLogFree(): boolean {
  const other = new Sqlite(url, { timeout: 0 });
  other.exec('CREATE TABLE IF NOT EXISTS ballast (content); INSERT INTO ballast VALUES (1)');
  const [result] = other.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  other.close();
  return result?.busy === 0;
}

test.each([
  ['EACH_READ', true],
  ['ONE', false],
] as const)('between two pages of a read of %s moment the log can begin anew: %s', async (moment, expected) => {
  const store = await openStarted(url);
  for (let number = 0; number < 3; number += 1)
    await store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent());
  const snapshot = await openSnapshot({ url, migrationsDir, moment });
  const free: boolean[] = [];
  for await (const _ of snapshot.registries()) free.push(isLogFree());
  for await (const _ of snapshot.registriesInOrder(undefined)) free.push(isLogFree());
  await snapshot.audit.eventsAfter(0, 2);
  free.push(isLogFree());
  await snapshot.close();
  await store.close();
  expect(free).toEqual(Array(5).fill(expected));
});

test('registries are read in the order of account and pattern, a page at a time, each once', async () => {
  const store = await openStarted(url);
  await store.access.insertAccount({ name: 'other', createdAt: new Date(0), disabledAt: null }, sampleEvent());
  const file = new Sqlite(url);
  await store.registries.insert(sampleRegistry(0), sampleSealed(), sampleEvent());
  const columns = (file.pragma('table_info(registry)') as { name: string }[]).map(({ name }) => name);
  const given = columns.map(
    (name) =>
      ({
        id: "'reg_' || entry.value",
        registry: "'r' || entry.value",
        account: "iif(entry.value % 2, 'admin', 'other')",
      })[name] ?? `registry.${name}`,
  );
  file.exec(
    `INSERT INTO registry (${columns.join()}) SELECT ${given.join()} FROM registry, json_each('[${Array.from({ length: 1_200 }, (_, index) => index + 1).join()}]') AS entry`,
  );
  file.close();
  const snapshot = await openSnapshot({ url, migrationsDir, moment: 'EACH_READ' });
  const read = async (account: string | undefined): Promise<string[]> => {
    const texts: string[] = [];
    for await (const page of snapshot.registriesInOrder(account)) {
      expect(page.length).toBeLessThanOrEqual(500);
      expect(Object.keys(page[0]!).toSorted()).toEqual(Object.keys(sampleRegistry(0)).toSorted());
      texts.push(...page.map(({ account: owner, registry }) => `${owner} ${registry}`));
    }
    return texts;
  };
  const all = await read(undefined);
  expect(all).toHaveLength(1_201);
  expect(all).toEqual([...new Set(all)].toSorted((one, other) => (one < other ? -1 : 1)));
  expect(await read('other')).toEqual(all.filter((text) => text.startsWith('other ')));
  await snapshot.close();
  await store.close();
});
