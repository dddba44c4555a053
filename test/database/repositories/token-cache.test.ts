// Remembered rows are forgotten with the next commit of anybody, and where nobody can tell of commits nothing is remembered.

import { beforeEach, expect, test } from 'vitest';
import { createFreshCache } from '../../../src/database/repositories/tokens.ts';
import { sampleEvent, sampleToken } from '../samples.ts';
import { sqliteHarness } from '../sqlite-harness.ts';

let version: number;
let asked: string[];
const load = async (key: string) => {
  asked.push(key);
  return key === 'nowhere' ? undefined : `${key} ${version}`;
};

beforeEach(() => {
  version = 1;
  asked = [];
});

test('a row is asked for once, until something is committed', async () => {
  const find = createFreshCache({ version: () => version }, load);
  expect([await find('a'), await find('a'), await find('b')]).toEqual(['a 1', 'a 1', 'b 1']);
  version = 2;
  expect(await find('a')).toBe('a 2');
  expect(asked).toEqual(['a', 'b', 'a']);
});

test('what is not there is asked for each time', async () => {
  const find = createFreshCache({ version: () => version }, load);
  await find('nowhere');
  await find('nowhere');
  expect(asked).toHaveLength(2);
});

test('a commit while the row is read leaves nothing stale', async () => {
  const find = createFreshCache({ version: () => version }, async (key) => {
    const read = await load(key);
    version += 1;
    return read;
  });
  await find('a');
  expect(await find('a')).toBe('a 2');
});

test('without a version nothing is remembered', async () => {
  const find = createFreshCache({}, load);
  await find('a');
  await find('a');
  expect(asked).toHaveLength(2);
});

test('a token that another process ends is refused at the very next look', async () => {
  const harness = await sqliteHarness.create();
  try {
    await harness.store.access.insertToken(sampleToken('a'), sampleEvent());
    for (let time = 0; time < 3; time += 1) expect((await harness.store.access.usableTokenById('a'))?.id).toBe('a');
    await harness.execute("UPDATE api_token SET revoked_at = 5000 WHERE id = 'a'");
    expect((await harness.store.access.usableTokenById('a'))?.revokedAt).not.toBeNull();
  } finally {
    await harness.close();
  }
});
