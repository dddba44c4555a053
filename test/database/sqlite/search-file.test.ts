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

test.each(['delete', 'rename'])('of a name that is gone by %s, no trigram stays in the file', async (how) => {
  using directory = temporaryDirectory();
  const url = join(directory.path, 'regway.db');
  const store = await openStarted(url);
  const { registries } = store;
  for (let number = 0; number < 60; number += 1)
    await registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent());
  const secret = sampleRegistry(99, { name: `before ${marker} after` });
  await registries.insert(secret, sampleSealed(), sampleEvent());
  expect(await registries.count('admin', { search: marker })).toBe(1);
  if (how === 'delete') await registries.delete(secret.id, sampleEvent());
  else await registries.update({ ...secret, name: 'other', version: 2 }, sampleSealed(), 1, sampleEvent());
  await store.close();
  const bytes = readFileSync(url);
  expect(Array.from(marker, (letter) => bytes.includes(letter))).toEqual([false, false, false]);
});

test('a backup finds what the file finds, also after rows were deleted, and both are sound', async () => {
  using directory = temporaryDirectory();
  const [url, copy] = [join(directory.path, 'regway.db'), join(directory.path, 'copy.db')];
  const store = await openStarted(url);
  for (let number = 0; number < 20; number += 1)
    await store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent());
  for (const number of [0, 3, 4]) await store.registries.delete(sampleRegistry(number).id, sampleEvent());
  await store.close();
  backUp(url, copy, { overwrite: false });
  for (const path of [url, copy]) {
    const again = await openStarted(path);
    const found = await again.registries.page(pageQuery({ filter: { search: 'app-1' } }));
    expect(found).toHaveLength(11);
    await again.registries.delete(sampleRegistry(1).id, sampleEvent());
    expect(await again.registries.count('admin', { search: 'app-1' })).toBe(10);
    await again.close();
    const file = new Sqlite(path);
    file.exec(`INSERT INTO registry_fts (registry_fts, rank) VALUES ('integrity-check', 1)`);
    expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
    file.close();
  }
});
