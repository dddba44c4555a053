// Runs `regway backup`, `restore`, and `verify` as an operator types them, next to a server with writes and without one.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { operationsOn, registryOf } from '../../e2e/support/operations.ts';
import { newDataDirectory, startServer, type RegwayServer } from '../../e2e/support/server.ts';
import { ensureBuilt } from '../../support/built.ts';
import { runRegway, type Outcome } from '../harness.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

// Each test starts several processes, and each may take seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** A data directory with three registries, whose server has stopped; tests work on copies of it. */
let original: string;
let token: string;
let folder: string;
let dataDirectory: string;

beforeAll(async () => {
  await ensureBuilt();
  original = newDataDirectory();
  const server = await startServer({ dataDirectory: original });
  token = server.firstToken();
  for (const name of ['one', 'two', 'three']) await create(server, `${name}.example`);
  await server.stop();
});

beforeEach(() => {
  folder = makeTemporaryDirectory('backup');
  dataDirectory = newDataDirectory();
  copyData(original, dataDirectory);
});

const backupFile = () => join(folder, 'backup.db');
const regway = (...args: string[]): Promise<Outcome> => runRegway(args, { env: { REGWAY_DATA_DIR: dataDirectory } });

describe('a backup', () => {
  it('of a server with concurrent writes contains every write that was acknowledged before it began, and opens with the same keyring', async () => {
    const server = await startServer({ dataDirectory });
    const acknowledged: string[] = [];
    const backedUp = new AbortController();
    const writers = [1, 2, 3].map(async (writer) => {
      for (let serial = 0; !backedUp.signal.aborted; serial++)
        acknowledged.push(await create(server, `w${writer}-n${serial}.example`));
    });
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(20), { timeout: 60_000 });
    const before = [...acknowledged];
    const backup = await regway('backup', backupFile());
    backedUp.abort();
    await Promise.all(writers);
    await server.stop();
    expect(backup).toMatchObject({ code: 0, stderr: '' });

    const held = new Set(registriesIn(backupFile()));
    expect(before.filter((registry) => !held.has(registry))).toEqual([]);
    expect(await regway('verify', backupFile())).toMatchObject({ code: 0 });
  });

  it('is readable only by its owner, is one file, and its command says that it cannot be decrypted without the keyring', async () => {
    const { stdout } = await regway('backup', backupFile());
    expect(statSync(backupFile()).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['backup.db']);
    expect(stdout).toContain('Backed up 3 registries');
    expect(stdout).toContain(`Keep a copy of ${join(dataDirectory, 'keyring')} too`);
    expect((await regway('backup', '--help')).stdout).toContain('a backup cannot be decrypted without it');
  });

  it('replaces a file only with --force', async () => {
    writeFileSync(backupFile(), 'important');
    expect(await regway('backup', backupFile())).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('already exists') as string,
    });
    expect(readFileSync(backupFile(), 'utf8')).toBe('important');
    expect(await regway('backup', backupFile(), '--force')).toMatchObject({ code: 0 });
    expect(registriesIn(backupFile())).toHaveLength(3);
  });

  it.each([
    ['there is no database', () => rmSync(join(dataDirectory, 'regway.db')), backupFile, 78, 'There is no database at'],
    ['its directory is missing', () => undefined, () => join(folder, 'no', 'such', 'file'), 1, 'cannot be written to'],
    ['the database is damaged', () => damage(join(dataDirectory, 'regway.db')), backupFile, 78, 'damaged'],
  ])('is not made when %s', async (_, spoil, target, code, words) => {
    spoil();
    const outcome = await regway('backup', target());
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toMatch(new RegExp(`${words}|not a sound database`));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of PostgreSQL is left to pg_dump', async () => {
    const outcome = await runRegway(['backup', backupFile()], {
      env: { REGWAY_DATA_DIR: dataDirectory, REGWAY_DATABASE_URL: 'postgres://regway:MARKER@127.0.0.1:1/regway' },
    });
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('pg_dump') as string });
    expect(outcome.stderr).not.toContain('MARKER');
  });
});

describe('a restoration', () => {
  it('into an empty directory brings every registry back, with its password', async () => {
    await regway('backup', backupFile());
    emptyBut('keyring');
    expect(await regway('restore', backupFile())).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('All 3 can be decrypted.') as string,
    });
    expect(statSync(join(dataDirectory, 'regway.db')).mode & 0o777).toBe(0o600);
    expect(await served()).toEqual(['one.example', 'three.example', 'two.example']);
  });

  it('is refused while a server runs, even by force, and disturbs nothing', async () => {
    await regway('backup', backupFile());
    const server = await startServer({ dataDirectory });
    for (const flags of [[], ['--force']]) {
      expect(await regway('restore', backupFile(), ...flags)).toMatchObject({
        code: 78,
        stderr: expect.stringContaining('Another process serves the database file') as string,
      });
    }
    await create(server, 'later.example');
    await server.stop();
    expect(await served()).toContain('later.example');
  });

  it('replaces the file behind a link, not the link', async () => {
    await regway('backup', backupFile());
    const [link, file] = [join(dataDirectory, 'regway.db'), join(folder, 'elsewhere.db')];
    renameSync(link, file);
    symlinkSync(file, link);
    edit(file, `DELETE FROM registry WHERE registry = 'one.example'`);
    expect(await regway('restore', backupFile(), '--force')).toMatchObject({ code: 0 });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(registriesIn(file)).toHaveLength(3);
  });

  it('over a database requires --force, and keeps that one under another name, with its log', async () => {
    await regway('backup', backupFile());
    const server = await startServer({ dataDirectory });
    await create(server, 'later.example');
    await server.kill();
    expect(statSync(join(dataDirectory, 'regway.db-wal')).size).toBeGreaterThan(0);

    expect(await regway('restore', backupFile())).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('A database already exists') as string,
    });
    const { code, stdout } = await regway('restore', backupFile(), '--force');
    const aside = /is now (.*)\.\n/.exec(stdout)?.[1] ?? '';
    expect(code).toBe(0);
    expect(await served()).not.toContain('later.example');
    expect(registriesIn(aside)).toContain('later.example');
  });

  it.each([
    ['without the keyring', () => rmSync(join(dataDirectory, 'keyring')), 'does not exist'],
    ['with another keyring', () => replaceKeyring(), 'lacks the root key'],
    ['of a file that is no database', () => writeFileSync(backupFile(), 'text '.repeat(1_000)), 'not a sound database'],
    ['of a database of another program', () => other(backupFile(), 'CREATE TABLE x (y)'), 'not a Regway database'],
    [
      'of a newer version',
      () => edit(backupFile(), `INSERT INTO schema_migration (tag, hash, applied_at) VALUES ('9999_later', 'x', 0)`),
      'newer than this program',
    ],
    ['of a damaged file', () => damage(backupFile()), '(FAILED|not a sound database)'],
    ['of a live database with its log', () => writeFileSync(`${backupFile()}-wal`, 'x'), 'not a backup'],
  ])('%s is refused, and what was there stays', async (_, spoil, words) => {
    await regway('backup', backupFile());
    spoil();
    const before = snapshotOf(dataDirectory);
    const { code, stdout, stderr } = await regway('restore', backupFile(), '--force');
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(new RegExp(words));
    expect(snapshotOf(dataDirectory)).toEqual(before);
  });
});

describe('a verification', () => {
  it('passes next to a running server, and writes nothing', async () => {
    const server = await startServer({ dataDirectory });
    const { code, stdout } = await regway('verify', '-o', 'json');
    await server.stop();
    expect(code).toBe(0);
    const checks = JSON.parse(stdout) as { name: string; state: string }[];
    expect(checks.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'database PASSED',
      'schema PASSED',
      'keys PASSED',
      'passwords PASSED',
      'audit PASSED',
    ]);
  });

  const database = () => join(dataDirectory, 'regway.db');
  it.each([
    [
      'a password was altered',
      () => edit(database(), `UPDATE registry SET sealed = zeroblob(length(sealed)) WHERE registry = 'two.example'`),
      'passwords',
      'two.example',
    ],
    [
      'an audit event was taken out',
      () => edit(database(), 'DELETE FROM audit_event WHERE seq = 2'),
      'audit',
      'event 2 was deleted',
    ],
    [
      'the key of the audit trail was taken out',
      () => edit(database(), `DELETE FROM data_key WHERE state = 'AUDIT'`),
      'audit',
      'key of the audit trail',
    ],
    [
      'a password was moved to another registry',
      () => edit(database(), `UPDATE registry SET host = 'evil.example' WHERE registry = 'one.example'`),
      'passwords',
      'one.example',
    ],
    ['the keyring is another', () => replaceKeyring(), 'keys', 'lacks the root key'],
    [
      'the canary was altered',
      () => edit(database(), 'UPDATE seal_canary SET sealed = zeroblob(length(sealed))'),
      'keys',
      'canary',
    ],
    ['an index lacks a row', () => unindex(database()), 'database', 'registry_account_host'],
    [
      'the tables are newer',
      () => edit(database(), `INSERT INTO schema_migration (tag, hash, applied_at) VALUES ('9999_later', 'x', 0)`),
      'schema',
      'newer than this program',
    ],
  ])('fails when %s, and says so', async (_, spoil, name, words) => {
    spoil();
    const { code, stdout, stderr } = await regway('verify');
    expect(code, stderr).toBe(1);
    expect(stdout).toMatch(new RegExp(`${name} +FAILED .*${words}`));
  });
});

async function create(server: RegwayServer, registry: string): Promise<string> {
  return registryOf(
    await operationsOn(server, token).create(
      { registry, username: 'u', password: `password of ${registry}` },
      { validate: false },
    ),
  ).registry;
}

/** The registries that a server on the data directory lists. */
async function served(): Promise<string[]> {
  const server = await startServer({ dataDirectory });
  const { nodes } = await operationsOn(server, token).list();
  await server.stop();
  return nodes.map(({ registry }) => registry);
}

function registriesIn(file: string): string[] {
  using connection = opened(file);
  return connection.database.prepare('SELECT registry FROM registry ORDER BY registry').pluck().all() as string[];
}

function edit(file: string, sql: string): void {
  using connection = opened(file);
  connection.database.exec(sql);
}

function other(file: string, sql: string): void {
  rmSync(file);
  edit(file, sql);
}

/** Makes an index lack the rows that it should have, as a disk that forgot a page does. */
function unindex(file: string): void {
  using connection = opened(file);
  connection.database.unsafeMode();
  connection.database.pragma('writable_schema = ON');
  const { changes } = connection.database
    .prepare("UPDATE sqlite_schema SET sql = replace(sql, '`host`', '`username`') WHERE name = 'registry_account_host'")
    .run();
  if (changes !== 1) throw new Error('The index has another name now.');
}

/** Overwrites the middle of the file. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 4096 + 8, bytes.length - 64);
  writeFileSync(file, bytes);
}

function replaceKeyring(): void {
  const keyring = join(dataDirectory, 'keyring');
  rmSync(keyring);
  writeFileSync(keyring, `rgk1:${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o400 });
}

function copyData(from: string, to: string): void {
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
  chmodSync(join(to, 'keyring'), 0o400);
}

function emptyBut(kept: string): void {
  for (const name of readdirSync(dataDirectory)) if (name !== kept) rmSync(join(dataDirectory, name));
}

/** Every file with its content, without the lock, which is empty. */
function snapshotOf(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !name.endsWith('.owner'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'base64')]));
}

function opened(file: string): Disposable & { database: InstanceType<typeof Sqlite> } {
  if (!existsSync(file) && !file.startsWith(folder)) throw new Error(`${file} is not there`);
  const database = new Sqlite(file);
  return { database, [Symbol.dispose]: () => void database.close() };
}
