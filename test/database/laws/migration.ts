// The laws of migrations: all or nothing, no row lost, and no database that does not fit this program.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { StoreError } from '../../../src/database/errors.ts';
import { copiedMigrations, type Harness, isReady, migrationsDir, type StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleRegistry, sampleSealed } from '../samples.ts';

export function migrationLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  beforeEach(async () => {
    test = await harness().create();
  });
  afterEach(() => test.close());
  const applied = () => test.rows('SELECT tag FROM schema_migration ORDER BY position');

  it('a store that is opened again keeps its rows and applies nothing twice', async () => {
    await test.store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    const before = await applied();
    const again = await test.openAgain(migrationsDir);
    expect(await again.registries.byId(sampleRegistry(1).id)).toStrictEqual(sampleRegistry(1));
    await again.close();
    expect(await applied()).toEqual(before);
    expect(await test.rows('SELECT name FROM account')).toEqual([{ name: 'admin' }]);
  });

  it('a migration that rebuilds a table loses no child row', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.add('9999_rebuild', rebuildAccount(harness().dialect));
    await test.store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    const again = await test.openAgain(migrations.path);
    expect(await again.registries.byId(sampleRegistry(1).id)).toStrictEqual(sampleRegistry(1));
    expect(await test.rows('SELECT note FROM account')).toEqual([{ note: 'kept' }]);
    await expect(
      again.registries.insert(sampleRegistry(2, { account: 'nobody' }), sampleSealed(), sampleEvent()),
    ).rejects.toThrow(/rejected/);
    await again.close();
  });

  it('a migration that fails leaves nothing of itself, and the store as it was', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.add('9998_works', ['CREATE TABLE half (id integer)']);
    migrations.add('9999_fails', ['CREATE TABLE other_half (id integer)', 'ALTER TABLE nowhere RENAME TO somewhere']);
    const before = await applied();
    await expect(test.openAgain(migrations.path)).rejects.toThrow('The migration 9999_fails failed');
    expect(await applied()).toEqual(before);
    await expect(test.rows('SELECT * FROM half')).rejects.toThrow(/half/);
    expect(await isReady(test.store)).toBe(true);
  });

  it('a derivation of all registries that fails is continued where it ended, a thousand rows at a time', async () => {
    const id = (number: string) =>
      harness().dialect === 'sqlite' ? `printf('%032d', ${number})` : `lpad((${number})::text, 32, '0')`;
    await test.store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    await test.execute(`WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
      INSERT INTO registry (id, account, registry, host, name, type, username, secure_connection, version, secret_version, sealed, created_at, updated_at)
      SELECT 'reg_' || ${id('n')}, account, 'many.example/' || n, 'many.example', 'Many ' || n, type, 'u', secure_connection, 1, 1, sealed, n, n
      FROM numbers, (SELECT account, type, secure_connection, sealed FROM registry LIMIT 1) AS one`);
    await (await test.openAgain(migrationsDir)).close();
    const underived = async () =>
      (await test.rows(`SELECT id FROM registry WHERE name_key = '' ORDER BY id`)).map((row) => row['id']);
    expect(await underived()).toEqual([]);
    // As a version with other rules finds it, and then a row that it cannot derive.
    await test.execute('UPDATE derivation SET version = 0');
    await test.execute(`UPDATE registry SET name_key = ''`);
    await test.execute(`UPDATE registry SET last_validation = 'no JSON' WHERE registry = 'many.example/2400'`);
    await expect(test.openAgain(migrationsDir)).rejects.toThrow(/SyntaxError/);
    expect(await underived()).toHaveLength(500);
    await test.execute(`UPDATE registry SET last_validation = NULL WHERE registry = 'many.example/2400'`);
    await test.execute(`UPDATE registry SET name_key = '' WHERE registry = 'many.example/2'`);
    await (await test.openAgain(migrationsDir)).close();
    expect(await underived()).toEqual([sampleRegistry(2).id]);
    expect(await test.rows('SELECT derived_to FROM derivation')).toEqual([{ derived_to: null }]);
  });

  it('a migration that orphans rows is refused', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.add('9999_orphans', [`DELETE FROM account WHERE name = 'other'`]);
    await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
    await test.store.registries.insert(sampleRegistry(1, { account: 'other' }), sampleSealed(), sampleEvent());
    await expect(test.openAgain(migrations.path)).rejects.toThrow(StoreError);
    expect(await test.store.access.accountExists('other')).toBe(true);
  });

  it('a database newer than the program is refused', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.add('9999_newer', ['CREATE TABLE later (id integer)']);
    await (await test.openAgain(migrations.path)).close();
    await expect(test.openAgain(migrationsDir)).rejects.toThrow(
      /newer than this program: it has the migration 9999_newer/,
    );
  });

  it('a migration that was edited after it was applied is refused', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.editFirst();
    await expect(test.openAgain(migrations.path)).rejects.toThrow(/was edited after it was applied/);
  });

  it('a database of another history is refused', async () => {
    using migrations = copiedMigrations(harness().dialect);
    migrations.renameFirst('0000_another');
    await expect(test.openAgain(migrations.path)).rejects.toThrow(/not of one history/);
  });
}

/** SQLite changes most properties by rebuilding the table, as drizzle-kit generates it; PostgreSQL changes the table in place. */
function rebuildAccount(dialect: Harness['dialect']): string[] {
  if (dialect === 'postgres') {
    return [`ALTER TABLE account ADD COLUMN note text NOT NULL DEFAULT 'kept'`];
  }
  return [
    'PRAGMA foreign_keys=OFF;',
    `CREATE TABLE __new_account (name text PRIMARY KEY NOT NULL, created_at integer NOT NULL, disabled_at integer, note text NOT NULL) STRICT;`,
    `INSERT INTO __new_account SELECT name, created_at, disabled_at, 'kept' FROM account;`,
    'DROP TABLE account;',
    'ALTER TABLE __new_account RENAME TO account;',
    'PRAGMA foreign_keys=ON;',
  ];
}
