// The committed migrations make the tables that the program is written for.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  generateDrizzleJson,
  generateMigration,
  generateSQLiteDrizzleJson,
  generateSQLiteMigration,
} from 'drizzle-kit/api';
import { expect, it } from 'vitest';

import { strictTables } from '../../../drizzle/strict.ts';
import * as postgresTables from '../../../src/database/schema/tables.postgres.ts';
import * as sqliteTables from '../../../src/database/schema/tables.sqlite.ts';
import { migrationsDir } from '../harness.ts';

it('the migrations for SQLite are up to date: `npm run migrations` would add nothing', async () => {
  const changes = await generateSQLiteMigration(
    newestSnapshot('sqlite'),
    await generateSQLiteDrizzleJson(sqliteTables),
  );
  expect(changes).toEqual([]);
});

it('the migrations for PostgreSQL are up to date: `npm run migrations` would add nothing', async () => {
  const changes = await generateMigration(newestSnapshot('postgres'), generateDrizzleJson(postgresTables));
  expect(changes).toEqual([]);
});

it('a table that the migrations lack would be noticed', async () => {
  const { registry: _, ...fewer } = sqliteTables;
  const changes = await generateSQLiteMigration(
    await generateSQLiteDrizzleJson(fewer),
    await generateSQLiteDrizzleJson(sqliteTables),
  );
  expect(changes.join('\n')).toContain('CREATE TABLE `registry`');
});

it('every table that a migration for SQLite makes is STRICT', () => {
  for (const file of readdirSync(join(migrationsDir, 'sqlite')).filter((name) => name.endsWith('.sql'))) {
    const text = readFileSync(join(migrationsDir, 'sqlite', file), 'utf8');
    expect(strictTables(text)).toBe(text);
    const count = (pattern: RegExp) => [...text.matchAll(pattern)].length;
    expect(count(/\) STRICT;/g)).toBe(count(/CREATE TABLE/g));
  }
});

it.each([
  ['a table', 'CREATE TABLE `a` (\n\t`b` text\n);\n', 'CREATE TABLE `a` (\n\t`b` text\n) STRICT;\n'],
  ['a rebuilt table', 'CREATE TABLE `__new_a` (\n\t`b` text\n);', 'CREATE TABLE `__new_a` (\n\t`b` text\n) STRICT;'],
  ['a strict table', 'CREATE TABLE `a` (`b` text) STRICT;', 'CREATE TABLE `a` (`b` text) STRICT;'],
  ['an index', 'CREATE INDEX `i` ON `a` (`b`);', 'CREATE INDEX `i` ON `a` (`b`);'],
  ['a copy', 'INSERT INTO `a` (`b`) SELECT (1);', 'INSERT INTO `a` (`b`) SELECT (1);'],
])('of generated statements, tables are made STRICT and others left: %s', (_, before, after) => {
  expect(strictTables(before)).toBe(after);
});

/** The tables of the newest committed migration. */
function newestSnapshot(dialect: string): never {
  const folder = join(migrationsDir, dialect, 'meta');
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith('_snapshot.json'))
    .toSorted()
    .at(-1);
  return JSON.parse(readFileSync(join(folder, newest!), 'utf8')) as never;
}
