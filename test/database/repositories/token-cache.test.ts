// Cached rows are dropped with the next commit of any process, and nothing is cached where commits cannot be detected.

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { beforeEach, expect, test } from 'vitest';
import { maxActiveTokens } from '../../../src/core/accounts/tokens.ts';
import type { Database, PreparedReads } from '../../../src/database/database.ts';
import { createFreshCache } from '../../../src/database/repositories/tokens.ts';
import { openSqlite } from '../../../src/database/sqlite/open.ts';
import { storeOn } from '../../../src/database/store.ts';
import { migrationsDir, started, temporaryDirectory } from '../harness.ts';
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

test('a row is read once until the next commit', async () => {
  const find = createFreshCache({ version: () => version }, load);
  expect([await find('a'), await find('a'), await find('b')]).toEqual(['a 1', 'a 1', 'b 1']);
  version = 2;
  expect(await find('a')).toBe('a 2');
  expect(asked).toEqual(['a', 'b', 'a']);
});

test('a missing row is read each time', async () => {
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
    await harness.store.access.insertToken(sampleToken('a'), sampleEvent(), maxActiveTokens);
    for (let time = 0; time < 3; time += 1) expect((await harness.store.access.usableTokenById('a'))?.id).toBe('a');
    await harness.execute("UPDATE api_token SET revoked_at = 5000 WHERE id = 'a'");
    expect((await harness.store.access.usableTokenById('a'))?.revokedAt).not.toBeNull();
  } finally {
    await harness.close();
  }
});

test.each(['before', 'after'] as const)(
  'a revocation that another process commits right %s the row is read is seen by the next look',
  async (moment) => {
    using directory = temporaryDirectory();
    const url = join(directory.path, 'regway.db');
    let atRead: Partial<Record<'before' | 'after', () => void>> = {};
    const store = await started(
      await storeOn(
        withHooks(await openSqlite(url), () => atRead),
        join(migrationsDir, 'sqlite'),
      ),
    );
    await store.access.insertToken(sampleToken('a'), sampleEvent(), maxActiveTokens);
    const otherProcess = new Sqlite(url);
    atRead = {
      [moment]: () => {
        atRead = {};
        otherProcess.exec("UPDATE api_token SET revoked_at = 5000 WHERE id = 'a'");
      },
    };
    const first = await store.access.usableTokenById('a');
    expect(first?.revokedAt === null).toBe(moment === 'after');
    expect((await store.access.usableTokenById('a'))?.revokedAt).not.toBeNull();
    otherProcess.close();
    await store.close();
  },
);

test('a row that a slow look read before a commit is not remembered as one of after it', async () => {
  const gate = Promise.withResolvers<void>();
  const find = createFreshCache({ version: () => version }, async (key) => {
    const row = await load(key);
    if (row === 'a 1') await gate.promise;
    return row;
  });
  const slow = find('a');
  version = 2;
  expect(await find('b')).toBe('b 2');
  gate.resolve();
  expect(await slow).toBe('a 1');
  expect(await find('a')).toBe('a 2');
});

/** Calls what `hooks` returns right before and right after each read of a token's row. */
function withHooks(database: Database, hooks: () => Partial<Record<'before' | 'after', () => void>>): Database {
  const reads = database.preparedReads as PreparedReads;
  const tokens: PreparedReads['tokens'] = (build) => {
    const read = reads.tokens(build);
    return async (values) => {
      hooks().before?.();
      const rows = await read(values);
      hooks().after?.();
      return rows;
    };
  };
  return { ...database, preparedReads: { ...reads, tokens } };
}
