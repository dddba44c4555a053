// The index of the search in a SQLite file: nothing of a deleted name stays in its bytes, and a copy of the file finds the same.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { backUp } from '../../../src/database/sqlite/backup.ts';
import { openStarted, temporaryDirectory } from '../harness.ts';
import { pageQuery, sampleEvent, sampleRegistry, sampleSealed } from '../samples.ts';

/** Letters that nothing else in the file has, so that a single trigram of them would be seen. */
const marker = '☃☄☇';

const changes = ['delete', 'rename'].flatMap((how) => [
  [how, 'indexed', 260],
  [how, 'one of the newest', 20],
]) as [string, string, number][];

test.each(changes)('of a name that is gone by %s, no trigram stays in the file: it was %s', async (how, _, later) => {
  using directory = temporaryDirectory();
  const url = join(directory.path, 'regway.db');
  const store = await openStarted(url);
  const { registries } = store;
  const fill = (from: number, count: number) =>
    Promise.all(
      Array.from({ length: count }, (__, index) =>
        registries.insert(sampleRegistry(from + index), sampleSealed(), sampleEvent()),
      ),
    );
  await fill(0, 60);
  const secret = sampleRegistry(999, { name: `before ${marker} after` });
  await registries.insert(secret, sampleSealed(), sampleEvent());
  await fill(100, later);
  expect(indexedTo(url) > 60).toBe(later > 256);
  expect(await registries.count('admin', { search: marker })).toBe(1);
  if (how === 'delete') await registries.delete(secret.id, sampleEvent());
  else await registries.update({ ...secret, name: 'other', version: 2 }, sampleSealed(), 1, sampleEvent());
  expect(await registries.count('admin', { search: marker })).toBe(0);
  await store.close();
  const bytes = readFileSync(url);
  expect(Array.from(marker, (letter) => bytes.includes(letter))).toEqual([false, false, false]);
});

test('the index takes rows 256 at a time, and a search finds every row, whatever was changed and deleted on either side', async () => {
  using directory = temporaryDirectory();
  const url = join(directory.path, 'regway.db');
  const store = await openStarted(url);
  const { registries } = store;
  const found = (search: string) => registries.count('admin', { search });
  const insert = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, index) =>
        registries.insert(sampleRegistry(from + index), sampleSealed(), sampleEvent()),
      ),
    );
  const rename = (number: number) =>
    registries.update(
      sampleRegistry(number, { name: `Renamed ${number}`, version: 2 }),
      sampleSealed(),
      1,
      sampleEvent(),
    );
  await insert(1, 256);
  expect([indexedTo(url), await found('app')]).toEqual([0, 255]);
  await rename(7);
  await registries.delete(sampleRegistry(8).id, sampleEvent());
  await insert(256, 257);
  expect([indexedTo(url), await found('app'), await found('renamed')]).toEqual([256, 255, 1]);
  await insert(257, 600);
  for (const number of [9, 200, 400, 599]) await rename(number);
  for (const number of [10, 256, 257, 598]) await registries.delete(sampleRegistry(number).id, sampleEvent());
  expect([indexedTo(url), await found('app'), await found('renamed')]).toEqual([512, 594, 5]);
  expect(await found('app-200 renamed')).toBe(1);
  await store.close();
  requireSound(url);
});

test('a write that is undone leaves no row of the index behind, also where it would have been the one that fills it', async () => {
  using directory = temporaryDirectory();
  const url = join(directory.path, 'regway.db');
  const store = await openStarted(url);
  const { registries } = store;
  const insert = (number: number) => registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent());
  await Promise.all(Array.from({ length: 255 }, (_, number) => insert(number)));
  const file = new Sqlite(url);
  file.exec(`CREATE TRIGGER refuse_audit BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'refused'); END`);
  await expect(insert(700)).rejects.toThrow(/rejected|refused/);
  file.exec('DROP TRIGGER refuse_audit');
  file.close();
  expect([indexedTo(url), await registries.count('admin', { search: 'app-700' })]).toEqual([0, 0]);
  await insert(701);
  expect([indexedTo(url), await registries.count('admin', { search: 'app' })]).toEqual([256, 256]);
  await store.close();
  requireSound(url);
});

test('a backup finds what the file finds, also after rows were deleted, and both are sound', async () => {
  using directory = temporaryDirectory();
  const [url, copy] = [join(directory.path, 'regway.db'), join(directory.path, 'copy.db')];
  const store = await openStarted(url);
  for (let number = 0; number < 280; number += 1)
    await store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent());
  for (const number of [0, 3, 4, 270]) await store.registries.delete(sampleRegistry(number).id, sampleEvent());
  await store.close();
  backUp(url, copy, { overwrite: false });
  for (const path of [url, copy]) {
    const again = await openStarted(path);
    const found = await again.registries.page(pageQuery({ filter: { search: 'app-27' } }));
    expect(found).toHaveLength(10);
    await again.registries.delete(sampleRegistry(27).id, sampleEvent());
    await again.registries.delete(sampleRegistry(271).id, sampleEvent());
    expect(await again.registries.count('admin', { search: 'app-27' })).toBe(8);
    await again.close();
    requireSound(path);
  }
});

/** The number of the last row that the index has. */
function indexedTo(path: string): number {
  const file = new Sqlite(path, { readonly: true });
  const number = file.prepare('SELECT up_to FROM registry_fts_state').pluck().get();
  file.close();
  return Number(number);
}

/** Compares the index with the rows that it is of. */
function requireSound(path: string): void {
  const file = new Sqlite(path);
  file.exec(`INSERT INTO registry_fts (registry_fts, rank) VALUES ('integrity-check', 1)`);
  expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
  file.close();
}
