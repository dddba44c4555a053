// The laws of only the embedded database: its file, its settings, its query plans.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import Sqlite from 'better-sqlite3';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registryOrderFields } from '../../../src/core/registry/store.ts';
import { StoreError } from '../../../src/database/errors.ts';
import { refuseOldSqlite } from '../../../src/database/sqlite/connection.ts';
import { openSqlite, openWrites } from '../../../src/database/sqlite/open.ts';
import { openStore, type Store, storeOn } from '../../../src/database/store.ts';
import { propertyRuns } from '../../support/property-runs.ts';
import { isReady, migrationsDir, openStarted, started, temporaryDirectory } from '../harness.ts';
import { openInProcesses, writeUntilKilled } from '../processes.ts';
import { pageQuery, sampleEvent, sampleRegistry, sampleSealed } from '../samples.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let url: string;
beforeEach(() => {
  directory = temporaryDirectory();
  url = join(directory.path, 'data', 'regway.db');
});
afterEach(() => directory[Symbol.dispose]());

const open = (): Promise<Store> => openStarted(url);

describe('the file', () => {
  it('is readable only by its owner, with its log and its directory', async () => {
    const store = await open();
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(mode(join(directory.path, 'data'))).toBe('700');
    expect([url, `${url}-wal`, `${url}-shm`].map(mode)).toEqual(['600', '600', '600']);
    await store.close();
  });

  it('is not written by a start that has nothing to do', async () => {
    await (await open()).close();
    const before = readFileSync(url);
    await (await open()).close();
    expect(readFileSync(url)).toEqual(before);
    expect(readdirSync(join(directory.path, 'data'))).toEqual(['regway.db', 'regway.db.owner']);
  });

  it('has only STRICT tables', async () => {
    await (await open()).close();
    using connection = closing(new Sqlite(url));
    const tables = connection.database.pragma('table_list') as { name: string; type: string; strict: number }[];
    const ours = tables.filter(({ name, type }) => type === 'table' && !name.startsWith('sqlite_'));
    expect(ours.map(({ name }) => name)).toContain('registry');
    expect(ours.filter(({ strict }) => strict === 0)).toEqual([]);
  });

  it('cannot be changed before the audit chain is started', async () => {
    const store = await openStore({ url, migrationsDir });
    await expect(store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent())).rejects.toThrow(
      'The store failed',
    );
    expect(await store.registries.byId(sampleRegistry(1).id)).toBeUndefined();
    await store.close();
  });

  it.each([
    [
      'that is no database',
      () => writeFileSync(join(directory.path, 'text'), 'This is not a database, but it is long enough.'.repeat(99)),
      'text',
    ],
    ['that is a directory', () => undefined, '.'],
    ['below something that is no directory', () => writeFileSync(join(directory.path, 'file'), ''), 'file/regway.db'],
  ])('%s is refused', async (_, prepare, path) => {
    prepare();
    await expect(openStore({ url: join(directory.path, path), migrationsDir })).rejects.toThrow(StoreError);
  });

  it.each([
    ['another database', 'mysql://localhost/regway'],
    ['an unreadable address', 'postgres://regway:MARKER@host:port/regway'],
  ])('%s is refused, and its address not shown', async (_, address) => {
    const refusal: unknown = await openStore({ url: address, migrationsDir }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(inspect(refusal, { showHidden: true })).not.toMatch(/MARKER|localhost/);
  });

  it('holds no fragment of a deleted registry, or of a replaced secret, after a checkpoint', async () => {
    const store = await open();
    const marker = (word: string, number: number) => `${word}-marker-${number}-${'x'.repeat(40)}`;
    for (let number = 0; number < 50; number++) {
      const registry = sampleRegistry(number, { username: marker('deleted', number), name: marker('deleted', number) });
      await store.registries.insert(registry, Buffer.from(marker('deleted', number)), sampleEvent());
    }
    await store.registries.insert(sampleRegistry(99), Buffer.from(marker('replaced', 99)), sampleEvent());
    checkpoint();
    expect(readFileSync(url, 'latin1')).toMatch(/deleted-marker.*replaced-marker/s);
    await store.registries.update(sampleRegistry(99, { version: 2 }), sampleSealed(), 1, sampleEvent());
    for (let number = 0; number < 50; number++) {
      await store.registries.delete(sampleRegistry(number).id, sampleEvent());
    }
    checkpoint();
    expect(readFileSync(url, 'latin1')).not.toMatch(/marker/);
    expect(readFileSync(`${url}-wal`)).toHaveLength(0);
    await store.close();
  });

  it('keeps every acknowledged write of writers that are killed, two at a time', async () => {
    const acknowledged: number[] = [];
    const rounds = propertyRuns(5);
    for (let round = 0; round < rounds; round++) {
      const writers = [1, 2].map((writer) =>
        writeUntilKilled(url, round * 10_000 + writer * 1_000, 1 + Math.floor(Math.random() * 25)),
      );
      acknowledged.push(...(await Promise.all(writers)).flat());
    }
    const store = await open();
    const texts = acknowledged.map((number) => sampleRegistry(number).registry);
    expect(await store.registries.byPatterns('admin', texts)).toHaveLength(acknowledged.length);
    const count = await store.registries.count('admin', {});
    await store.close();
    using connection = closing(new Sqlite(url));
    expect(connection.database.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(connection.database.prepare('SELECT count(*) FROM audit_event').pluck().get()).toBe(count);
  }, 120_000);

  it('is made once when three processes open it at once', async () => {
    const opened = await openInProcesses(url, 3);
    expect(opened.filter(({ key }) => key)).toHaveLength(1);
    expect(opened.filter(({ token }) => token)).toHaveLength(1);
    const store = await open();
    expect(await store.keys.dataKeys()).toHaveLength(1);
    await store.close();
  }, 60_000);
});

describe('the connections', () => {
  it.each([
    ['journal_mode', 'wal'],
    ['synchronous', 2],
    ['foreign_keys', 1],
    ['secure_delete', 1],
    ['busy_timeout', 5000],
    ['cache_size', -4096],
    ['journal_size_limit', 16_777_216],
    // Pages of the file that are mapped would be memory of the process too.
    ['mmap_size', 0],
  ])('%s reads back as set, on the writer', async (pragma, value) => {
    const database = await openSqlite(url);
    await isReady(await storeOn(database, join(migrationsDir, 'sqlite')));
    expect(await database.write((queries) => readPragma(queries, pragma))).toBe(value);
    await database.close();
  });

  it('shows a commit of its own at once, and nothing of it before', async () => {
    const store = await open();
    const registry = sampleRegistry(1);
    expect(await store.registries.byId(registry.id)).toBeUndefined();
    const written = store.registries.insert(registry, sampleSealed(), sampleEvent());
    expect(await store.registries.byId(registry.id)).toBeUndefined();
    await written;
    expect(await store.registries.byId(registry.id)).toMatchObject({ id: registry.id });
    await store.close();
  });

  it.each([
    ['cache_size', -16_384],
    ['mmap_size', 0],
  ])('%s reads back as set, on the reader', async (pragma, value) => {
    const database = await openSqlite(url);
    expect(await database.read((queries) => readPragma(queries, pragma))).toBe(value);
    await database.close();
  });

  it('the reader cannot write, and sees only committed rows', async () => {
    const database = await openSqlite(url);
    const store = await started(await storeOn(database, join(migrationsDir, 'sqlite')));
    const { account } = database.tables;
    await expect(
      database.read((queries) => queries.insert(account).values({ name: 'x', createdAt: 1 })),
    ).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    await database.write(async (queries) => {
      await queries.insert(account).values({ name: 'late', createdAt: 1 });
      expect(await store.access.accountExists('late')).toBe(false);
    });
    expect(await store.access.accountExists('late')).toBe(true);
    await store.close();
  });

  it('a transaction that waits for other work lets no other write in', async () => {
    const database = await openSqlite(url);
    const store = await started(await storeOn(database, join(migrationsDir, 'sqlite')));
    const rolledBack = database.write(async (queries) => {
      await queries.insert(database.tables.account).values({ name: 'undone', createdAt: 1 });
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('undo');
    });
    const written = store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    await expect(rolledBack).rejects.toThrow('The store failed');
    await written;
    expect(await store.registries.byId(sampleRegistry(1).id)).toBeDefined();
    expect(await store.access.accountExists('undone')).toBe(false);
    await store.close();
  });

  it('a full disk makes writes STORAGE_UNAVAILABLE, reads go on, and writes come back with the space', async () => {
    const database = await openSqlite(url);
    const store = await started(await storeOn(database, join(migrationsDir, 'sqlite')));
    await store.registries.insert(sampleRegistry(0), sampleSealed(), sampleEvent());
    const pages = Number(await database.write((queries) => readPragma(queries, 'page_count')));
    await database.write((queries) => readPragma(queries, `max_page_count = ${pages}`));
    const big = new Uint8Array(100_000);
    await expect(store.registries.insert(sampleRegistry(1), big, sampleEvent())).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    expect(await store.registries.count('admin', {})).toBe(1);
    await database.write((queries) => readPragma(queries, 'max_page_count = 4294967294'));
    await store.registries.insert(sampleRegistry(1), big, sampleEvent());
    expect(await store.registries.count('admin', {})).toBe(2);
    await store.close();
  });

  it('a closed store is not ready', async () => {
    const store = await open();
    await store.close();
    expect(await isReady(store)).toBe(false);
  });

  it.each(['3.7.0', '3.40.1', '3.51.2', '3.9.9'])('SQLite %s is refused', (version) => {
    expect(() => refuseOldSqlite(version)).toThrow(StoreError);
  });

  it.each(['3.51.3', '3.51.10', '3.54.1', '4.0.0'])('SQLite %s is good', (version) => {
    expect(() => refuseOldSqlite(version)).not.toThrow();
  });
});

describe('the plans', () => {
  const from = { value: 'm', id: 'reg_1' };
  const orders = registryOrderFields.flatMap((field) =>
    (['ASC', 'DESC'] as const).map((direction) => [field, direction] as const),
  );

  it.each<[string, RegExp, (store: Store) => Promise<unknown>]>([
    ['byId', /USING INDEX sqlite_autoindex_registry_1 \(id=\?\)/, ({ registries }) => registries.byId('a')],
    ['sealed', /USING INDEX sqlite_autoindex_registry_1 \(id=\?\)/, ({ registries }) => registries.sealed('a')],
    [
      'byPattern',
      /USING INDEX registry_account_registry \(account=\? AND registry=\?\)/,
      ({ registries }) => registries.byPattern('a', 'b'),
    ],
    [
      'byPatterns',
      /USING INDEX registry_account_registry \(account=\? AND registry=\?\)/,
      ({ registries }) => registries.byPatterns('a', ['b']),
    ],
    [
      'findMostSpecific',
      /USING INDEX registry_account_registry \(account=\? AND registry=\?\)/,
      ({ registries }) => registries.findMostSpecific('a', ['b', 'c']),
    ],
    ['byIds', /USING INDEX sqlite_autoindex_registry_1 \(id=\?\)/, ({ registries }) => registries.byIds(['a', 'b'])],
    [
      'byHosts',
      /USING INDEX registry_account_host \(account=\? AND host=\?\)/,
      ({ registries }) => registries.byHosts('a', ['b', 'c'], 1),
    ],
    [
      'the row of byHosts',
      /USING INDEX sqlite_autoindex_registry_1 \(id=\?\)/,
      ({ registries }) => registries.byHosts('a', ['b', 'c'], 1),
    ],
    [
      'count',
      /USING COVERING INDEX registry_account_\w+ \(account=\?\)/,
      ({ registries }) => registries.count('a', {}),
    ],
    [
      'a page of one type',
      /USING INDEX registry_account_type \(account=\? AND type=\? AND registry>\?\)/,
      ({ registries }) => registries.page(pageQuery({ filter: { type: 'ACR' }, after: from })),
    ],
    [
      'a page of one outcome',
      /USING INDEX registry_account_outcome \(account=\? AND outcome=\? AND registry>\?\)/,
      ({ registries }) => registries.page(pageQuery({ filter: { outcome: 'TIMEOUT' }, after: from })),
    ],
    [
      'a count of one outcome',
      /USING COVERING INDEX registry_account_outcome \(account=\? AND outcome=\?\)/,
      ({ registries }) => registries.count('a', { outcome: 'TIMEOUT' }),
    ],
    [
      'the backlog of checks',
      /USING COVERING INDEX registry_account_next_check_at \(account=\? AND next_check_at<\?\)/,
      ({ registries }) => registries.dueBacklog(1),
    ],
    ['tokenById', /USING INDEX sqlite_autoindex_api_token_1 \(id=\?\)/, ({ access }) => access.tokenById('a')],
    ...orders.flatMap(([field, direction]): [string, RegExp, (store: Store) => Promise<unknown>][] => {
      const column = field === 'NAME' ? 'name_key' : field.toLowerCase();
      const index = `USING INDEX registry_account_${column}`;
      const range = field === 'REGISTRY' ? /registry[<>]\?/ : new RegExp(String.raw`\(${column},id\)[<>]\(\?,\?\)`);
      return [
        [
          `the first page by ${field} ${direction}`,
          new RegExp(index),
          ({ registries }) => registries.page(pageQuery({ field, direction })),
        ],
        [
          `a later page by ${field} ${direction}`,
          new RegExp(`${index} .*${range.source}`),
          ({ registries }) => registries.page(pageQuery({ field, direction, after: from })),
        ],
        [
          `an earlier page by ${field} ${direction}`,
          new RegExp(`${index} .*${range.source}`),
          ({ registries }) => registries.page(pageQuery({ field, direction, before: from, forward: false })),
        ],
      ];
    }),
  ])('%s reads by its index, without scanning or sorting', async (_, index, run) => {
    const store = await open();
    const prepare = vi.spyOn(Sqlite.prototype, 'prepare');
    await run(store);
    const statements = prepare.mock.calls.map(([text]) => text);
    prepare.mockRestore();
    await store.close();
    expect(statements).toHaveLength(1);
    const plan = explain(statements[0]!);
    expect(plan).toMatch(index);
    expect(plan).not.toMatch(/SCAN (registry|api_token)|TEMP B-TREE/);
  });

  it('statements are prepared once, however often they run', async () => {
    const store = await open();
    const use = async (number: number) => {
      await store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent());
      await store.registries.byPatterns('admin', ['a', 'b']);
      await store.registries.page(pageQuery({ limit: number }));
      await store.registries.count('admin', { search: String(number) });
    };
    await use(1);
    const prepare = vi.spyOn(Sqlite.prototype, 'prepare');
    await use(2);
    expect(prepare).not.toHaveBeenCalled();
    prepare.mockRestore();
    await store.close();
  });

  it('what the savepoint of a member would restore stays in memory on the thread that writes', async () => {
    await (await open()).close();
    const database = await openWrites(url);
    expect(await database.write((queries) => readPragma(queries, 'temp_store'))).toBe(2);
    await database.close();
  });
});

function explain(statement: string): string {
  using connection = closing(new Sqlite(url));
  const nothing = Array.from(statement.matchAll(/\?/g), () => null);
  const steps = connection.database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all(...nothing) as { detail: string }[];
  return steps.map(({ detail }) => detail).join('\n');
}

/** Moves the log into the file and empties it. */
function checkpoint(): void {
  using connection = closing(new Sqlite(url));
  expect(connection.database.pragma('wal_checkpoint(TRUNCATE)')).toMatchObject([{ busy: 0 }]);
}

function closing(database: InstanceType<typeof Sqlite>): Disposable & { database: InstanceType<typeof Sqlite> } {
  return { database, [Symbol.dispose]: () => void database.close() };
}

/** Runs a pragma on the connection that a transaction is on. */
async function readPragma(queries: unknown, pragma: string): Promise<unknown> {
  const rows = (queries as { all(statement: unknown): Record<string, unknown>[] }).all(sql.raw(`PRAGMA ${pragma}`));
  return Object.values(rows[0] ?? {})[0];
}
