// `regway migrate`: a SQLite store moved to a real PostgreSQL, all of it or nothing. `regway export`, and its file imported again.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../src/database/store.ts';
import { copiedMigrations, migrationsDir } from '../database/harness.ts';
import { runProgram } from './support/child-process.ts';
import { withDatabase } from './support/database.ts';
import { operationsOn, registryOf, type RegistryNode } from './support/operations.ts';
import { startPostgres, type PostgresServer } from './support/postgres.ts';
import { executableArguments } from '../support/built.ts';
import { newDataDirectory, projectRoot, serverEnvironment, startServer } from './support/server.ts';
import { connectSql, type Sql } from '../support/sql.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const account = 'team-ü';
let database: PostgresServer;
let behind: Sql;
let dataDirectory: string;
let token: string;

const password = 'of the role mover';
/** The user `regway` needs no password, and `mover` does. */
const logins = `
host all regway 127.0.0.1/32 trust
host all mover 127.0.0.1/32 scram-sha-256
`;

beforeAll(async () => {
  database = await startPostgres(['hba_file=logins.conf'], { 'logins.conf': logins });
  behind = connectSql(database.url);
  await behind.unsafe(`CREATE ROLE mover LOGIN SUPERUSER PASSWORD '${password}'`);
  dataDirectory = newDataDirectory();
  const server = await startServer({ dataDirectory });
  token = server.firstToken();
  const operations = operationsOn(server);
  const created: RegistryNode[] = [];
  for (const name of ['alpha', 'beta', 'gamma']) {
    created.push(
      registryOf(
        await operations.create(
          {
            registry: `${name}.example/team/*`,
            username: 'u',
            password: `password of ${name} – ü`,
            trustedRealm: 'auth.example',
          },
          { validate: false },
        ),
      ),
    );
  }
  await operations.update(created[0]!.id, { name: 'Alpha “1”' }, { validate: false });
  await operations.delete(created[1]!.id);
  await server.stop();
  // A row in every table, and more than one page of the largest.
  withDatabase(dataDirectory, (file) => {
    file.prepare('INSERT INTO account (name, created_at) VALUES (?, 1)').run(account);
    const use = file.prepare(
      'INSERT INTO registry_use (registry_id, registry_version, actor, image, outcome, count, last_at) VALUES (?, 1, ?, ?, ?, ?, 1)',
    );
    for (let number = 0; number < 1_200; number++)
      use.run(created[0]!.id, 'token:x', `alpha.example/team/app-${number}`, 'DONE', 2 ** 52 + number);
  });
});

afterAll(async () => {
  await behind.end();
  await database.stop();
});

beforeEach(() => behind.unsafe('DROP SCHEMA public CASCADE; CREATE SCHEMA public;'));

test('every row of every table arrives unchanged, and a server with the same keyring continues with them', async () => {
  const { code, stdout, stderr } = await regway(['migrate', '--to', database.url, '-o', 'json']);
  expect(code, stderr).toBe(0);
  const moved = JSON.parse(stdout) as { table: string; rows: number }[];
  const counted = withDatabase(dataDirectory, (file) => {
    const names = file
      .prepare(
        // The index of the search is built from registry_search on either side.
        `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'registry_fts%'
          AND name <> 'schema_migration'`,
      )
      .pluck()
      .all() as string[];
    return names.map((table) => ({
      table,
      rows: file.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number,
    }));
  });
  const byName = (one: { table: string }, other: { table: string }) => (one.table < other.table ? -1 : 1);
  expect(moved.toSorted(byName)).toEqual(counted.toSorted(byName));

  const sealed = withDatabase(dataDirectory, (file) =>
    file.prepare('SELECT id, hex(sealed) AS sealed FROM registry ORDER BY id').all(),
  );
  expect([...(await behind`SELECT id, upper(encode(sealed, 'hex')) AS sealed FROM registry ORDER BY id`)]).toEqual(
    sealed,
  );
  const [largest] = await behind`SELECT max(count)::text AS count FROM registry_use`;
  expect(largest?.['count']).toBe(String(2 ** 52 + 1_199));

  const settings = { REGWAY_DATABASE_URL: database.url };
  expect((await regway(['verify'], settings)).stdout).toMatch(/passwords +PASSED +All 2 can be decrypted/);
  const server = await startServer({ dataDirectory, settings });
  const operations = operationsOn(server, token);
  expect((await operations.list()).nodes.map(({ name }) => name)).toEqual(['Alpha “1”', 'gamma.example/team/*']);
  registryOf(await operations.create({ registry: 'new.example', username: 'u', password: 'p' }, { validate: false }));
  await server.stop();
  const verified = await regway(['verify'], settings);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/audit +PASSED/) as string });
});

test('a database of an earlier version is brought to the tables of this one and moved', async () => {
  const older = newDataDirectory();
  using migrations = copiedMigrations('sqlite');
  migrations.removeLast();
  await (await openStore({ url: join(older, 'regway.db'), migrationsDir: migrations.path })).close();
  const moved = await runProgram({
    command: process.execPath,
    args: executableArguments('migrate', '--to', database.url, '-o', 'json'),
    env: serverEnvironment(older),
    cwd: projectRoot,
  });
  expect(moved.code, moved.stderr).toBe(0);
  expect(JSON.parse(moved.stdout)).toContainEqual({ table: 'account', rows: 1 });
  expect([...(await behind`SELECT name FROM account`)]).toEqual([{ name: 'admin' }]);
});

test('is refused while a server runs on the file, since its writes would be left behind', async () => {
  const server = await startServer({ dataDirectory });
  const refusal = await regway(['migrate', '--to', database.url]);
  await server.stop();
  expect(refusal).toMatchObject({
    code: 78,
    stdout: '',
    stderr: expect.stringContaining('Another process serves the database file') as string,
  });
  expect(await tables()).toEqual([]);
});

test('is refused when the target holds anything, and leaves that as it is', async () => {
  expect((await regway(['migrate', '--to', database.url])).code).toBe(0);
  await behind`UPDATE registry SET name = 'theirs'`;
  expect(await regway(['migrate', '--to', database.url])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('is not empty') as string,
  });
  expect([...(await behind`SELECT DISTINCT name FROM registry`)]).toEqual([{ name: 'theirs' }]);
});

test('leaves nothing in the target when a row cannot be stored', async () => {
  withDatabase(dataDirectory, (file) =>
    file.exec(`UPDATE account SET disabled_at = 9223372036854775807 WHERE name = '${account}'`),
  );
  const failed = await regway(['migrate', '--to', database.url]);
  withDatabase(dataDirectory, (file) => file.exec('UPDATE account SET disabled_at = NULL'));
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(await tables()).toEqual([]);
});

test('detects a target that stores a row differently, and leaves nothing there', async () => {
  await (await openStore({ url: database.url, migrationsDir })).close();
  await behind.unsafe(`
    CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.count := NEW.count - 1; RETURN NEW; END $$;
    CREATE TRIGGER meddle BEFORE INSERT ON registry_use FOR EACH ROW WHEN (NEW.image LIKE '%app-777') EXECUTE FUNCTION meddle();`);
  expect(await regway(['migrate', '--to', database.url])).toMatchObject({
    code: 78,
    stdout: '',
    stderr: expect.stringContaining('does not return the rows of registry_use as they were sent') as string,
  });
  expect([...(await behind`SELECT id FROM registry`)]).toEqual([]);
  await behind.unsafe('DROP TRIGGER meddle ON registry_use');
  expect((await regway(['migrate', '--to', database.url])).code).toBe(0);
});

test('the password of the target is that of PGPASSWORD, which has no part in where it is', async () => {
  const to = database.url.replace('regway@', 'mover@');
  const without = await regway(['migrate', '--to', to]);
  expect(without).toMatchObject({ code: 78, stderr: expect.stringContaining('requires a password') as string });
  const wrong = await regway(['migrate', '--to', to], { PGPASSWORD: 'MARKER' });
  expect(wrong).toMatchObject({ code: 78, stderr: expect.stringContaining('28P01') as string });
  expect(wrong.stdout + wrong.stderr).not.toContain('MARKER');
  const moved = await regway(['migrate', '--to', to], { PGPASSWORD: password, PGHOST: '127.0.0.2', PGPORT: '1' });
  expect(moved.code, moved.stderr).toBe(0);
});

test.each([
  ['no address of PostgreSQL', 'mysql://u@db.example/x', 1],
  ['an unreachable one', 'postgres://u@127.0.0.1:1/x', 1],
  ['one that cannot be read', 'postgres://u@host:port/x', 78],
  ['one with a password, which others can see,', 'postgres://u:MARKER@127.0.0.1:1/x', 2],
])('%s as a target is refused, and its password shown nowhere', async (_, address, code) => {
  const refusal = await regway(['migrate', '--to', address], { PGPASSWORD: 'MARKER' });
  expect(refusal.code, refusal.stderr).toBe(code);
  expect(refusal.stdout + refusal.stderr).not.toContain('MARKER');
});

test('an export contains no password, and creates the registries again once the passwords are added', async () => {
  const { code, stdout } = await regway(['export', '--account=admin']);
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/password of|sealed/);
  const { registries } = JSON.parse(stdout) as { registries: Record<string, unknown>[] };
  expect(registries).toMatchObject([
    {
      registry: 'alpha.example/team/*',
      registry_user: 'u',
      registry_name: 'Alpha “1”',
      registry_type: 'docker_v2',
      registry_verify: true,
      trusted_realm: 'auth.example',
      account_name: 'admin',
    },
    { registry: 'gamma.example/team/*' },
  ]);

  const folder = makeTemporaryDirectory('export');
  const file = join(folder, 'registries.json');
  writeFileSync(file, JSON.stringify({ registries: registries.map((record) => ({ ...record, registry_pass: 'p' })) }));
  const other = await startServer();
  const imported = await regway(['import', file, '--apply', '--validate=false'], {
    REGWAY_URL: other.url,
    REGWAY_TOKEN: other.firstToken(),
  });
  const { nodes } = await operationsOn(other).list();
  await other.stop();
  expect(imported.code, imported.stderr).toBe(0);
  expect(nodes).toMatchObject([
    { registry: 'alpha.example/team/*', name: 'Alpha “1”', trustedRealm: 'auth.example' },
    { registry: 'gamma.example/team/*' },
  ]);
});

function regway(args: string[], settings: Record<string, string> = {}) {
  return runProgram({
    command: process.execPath,
    args: executableArguments(...args),
    env: serverEnvironment(dataDirectory, settings),
    cwd: projectRoot,
  });
}

async function tables(): Promise<string[]> {
  return (await behind`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`).map((row) =>
    String(row['tablename']),
  );
}
