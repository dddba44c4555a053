// A start that cannot use its database says which of many reasons it was, in one sentence, with the exit code that its supervisor needs.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { executableArguments } from '../support/built.ts';
import { connectSql } from '../support/sql.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';
import { createCertificateAuthority } from './support/certificates.ts';
import { runProgram } from './support/child-process.ts';
import { freePort } from './support/free-port.ts';
import { startPgbouncer } from './support/pgbouncer.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { newDataDirectory, projectRoot, serverEnvironment } from './support/server.ts';

interface Refusal {
  readonly code: number | null;
  readonly text: string;
}

/** Starts a server that must not come up, and returns what it says. It never repeats a password. */
async function refusalOf(settings: Record<string, string>, dataDirectory = newDataDirectory()): Promise<Refusal> {
  const { code, stdout, stderr } = await runProgram({
    command: process.execPath,
    args: executableArguments('serve'),
    env: serverEnvironment(dataDirectory, settings),
    cwd: projectRoot,
  });
  expect(stdout + stderr).not.toContain('MARKER');
  return { code, text: stderr.trim() };
}

const ofDatabase = (url: string, more: Record<string, string> = {}): Promise<Refusal> =>
  refusalOf({ REGWAY_DATABASE_URL: url, ...more });

let server: PostgresServer;
beforeAll(async () => {
  const directory = makeTemporaryDirectory('start-tls');
  const { certificateFile, keyFile } = createCertificateAuthority(directory).issue('127.0.0.1');
  server = await startPostgres(
    [
      'ssl=on',
      'ssl_cert_file=../server.pem',
      'ssl_key_file=../server.key',
      'hba_file=logins.conf',
      'max_connections=5',
    ],
    {
      'server.pem': readFileSync(certificateFile, 'utf8'),
      'server.key': readFileSync(keyFile, 'utf8'),
      'logins.conf': 'host all regway 127.0.0.1/32 trust\nhostssl all keeper 127.0.0.1/32 scram-sha-256\n',
    },
  );
  const behind = connectSql(server.url);
  await behind.unsafe("CREATE ROLE keeper LOGIN PASSWORD 'p'");
  await behind.end();
});
afterAll(() => server?.stop());

const portOf = (): string => new URL(server.url).port;

describe('a start that needs a person exits with 78 and says', () => {
  it('that nothing listens on the port', async () => {
    const port = await freePort('127.0.0.1');
    const { code, text } = await ofDatabase(`postgres://u:MARKER@127.0.0.1:${port}/x`);
    expect(text).toMatch(
      new RegExp(
        `^No server listens on 127\\.0\\.0\\.1:${port} \\(ECONNREFUSED\\)\\. Check the port in REGWAY_DATABASE_URL`,
      ),
    );
    expect(code).toBe(78);
  });

  it('that something else than PostgreSQL listens on it', async () => {
    const other = createServer((_, response) => response.end('x')).listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, text } = await ofDatabase(`postgres://u:MARKER@127.0.0.1:${port}/x`);
    expect(text).toMatch(/does not answer as PostgreSQL does\. Check the port in REGWAY_DATABASE_URL\.$/);
    expect(code).toBe(78);
  });

  it('that the name of the host is unknown', async () => {
    const { code, text } = await ofDatabase('postgres://u:MARKER@database.invalid/x');
    expect(text).toMatch(
      /^The host name database\.invalid (does not resolve \(ENOTFOUND\)|cannot be resolved at the moment)/,
    );
    expect(code).toBe(text.includes('ENOTFOUND') ? 78 : 75);
  });

  it('that the server requires TLS', async () => {
    const { code, text } = await ofDatabase(`postgres://keeper:MARKER@127.0.0.1:${portOf()}/postgres?sslmode=disable`);
    expect(text).toMatch(/does not accept this login without TLS \(28000\)\. Use sslmode=verify-full/);
    expect(code).toBe(78);
  });

  it('that the server has no TLS', async () => {
    const plain = await startPostgres();
    onTestFinished(() => plain.stop());
    const { code, text } = await ofDatabase(`${plain.url.replace('regway@', 'regway:MARKER@')}?sslmode=require`);
    expect(text).toMatch(/does not offer TLS, which the sslmode of REGWAY_DATABASE_URL requires\. Turn on TLS/);
    expect(code).toBe(78);
  });

  it('that the login or the database is wrong', async () => {
    const wrong = await ofDatabase(`postgres://keeper:MARKER@127.0.0.1:${portOf()}/postgres`);
    expect(wrong.text).toMatch(/^PostgreSQL rejects this login at 127\.0\.0\.1:\d+ \(28P01\)/);
    const missing = await ofDatabase(`postgres://regway:MARKER@127.0.0.1:${portOf()}/nowhere`);
    expect(missing.text).toMatch(/has no database of the name in REGWAY_DATABASE_URL \(3D000\)/);
    expect([wrong.code, missing.code]).toEqual([78, 78]);
  });

  it('that the server is read-only', async () => {
    const readOnly = await startPostgres(['default_transaction_read_only=on']);
    onTestFinished(() => readOnly.stop());
    const { code, text } = await ofDatabase(readOnly.url.replace('regway@', 'regway:MARKER@'));
    expect(text).toMatch(/is read-only: it is a standby.*target_session_attrs=read-write\.$/);
    expect(code).toBe(78);
  });

  it('that the pooler is in statement mode, or rejects a parameter', async () => {
    const statement = await startPgbouncer(server.url, 2, 'statement');
    onTestFinished(() => statement.stop());
    const refused = await ofDatabase(statement.url);
    expect(refused.text).toMatch(/^The pooler at 127\.0\.0\.1:\d+ is in statement mode/);
    const options = await ofDatabase(`${statement.url}?options=-c%20work_mem%3D8MB`);
    expect(options.text).toMatch(/^The pooler at 127\.0\.0\.1:\d+ rejects a parameter of the connection/);
    expect([refused.code, options.code]).toEqual([78, 78]);
  });

  it('that the directory is read-only', async () => {
    const directory = newDataDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,ro', 'none', directory]);
    onTestFinished(() => void execFileSync('umount', ['-l', directory]));
    const { code, text } = await refusalOf({}, directory);
    expect(text).toContain(`Regway cannot write to ${directory} (EROFS)`);
    expect(text).toContain('set REGWAY_DATA_DIR to another directory.');
    expect(code).toBe(78);
  });

  it.each(['64k', '128k', '192k', '1m'])('that the disk of %s is full', async (size) => {
    const directory = newDataDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'none', directory]);
    onTestFinished(() => void execFileSync('umount', ['-l', directory]));
    // Leaves 8 KiB of the largest one.
    if (size === '1m') execFileSync('sh', ['-c', `head -c 1040384 /dev/zero > ${join(directory, 'other')}`]);
    const { code, text } = await refusalOf({}, directory);
    expect(text).toMatch(/^The disk of \S+ is full \((ENOSPC|SQLITE_FULL|SQLITE_IOERR_\w+)\), so Regway cannot write/);
    expect(code).toBe(78);
  });

  it('that the database file is damaged, with the table and the way back', async () => {
    const directory = newDataDirectory();
    const file = join(directory, 'regway.db');
    const made = await runProgram({
      command: process.execPath,
      args: executableArguments('token', 'create', '--role=ADMIN', '--account=admin', '-o', 'id'),
      env: serverEnvironment(directory),
      cwd: projectRoot,
    });
    expect(made.code).toBe(0);
    damage(file, 'schema_migration');
    const { code, text } = await refusalOf({}, directory);
    expect(text).toMatch(/regway\.db is damaged \(SQLITE_CORRUPT\w*\): table schema_migration/);
    expect(text).toContain('restore the last good backup with "regway restore"');
    expect(code).toBe(78);
    writeFileSync(file, Buffer.alloc(8_192, 'x'));
    const other = await refusalOf({}, directory);
    expect(other.text).toMatch(/regway\.db is damaged \(SQLITE_NOTADB\): its first page/);
    expect(other.code).toBe(78);
  });

  it('every wrong setting of the database at once', async () => {
    const { code, text } = await refusalOf({
      REGWAY_DATABASE_URL: 'postgres://u:MARKER@h:70000/x?connect_timeout=MARKER&searchpath=MARKER',
      REGWAY_DATABASE_LISTEN_URL: 'sqlite:MARKER',
      REGWAY_DATABASE_WAIT: 'MARKER',
      PGSSLMODE: 'MARKER',
    });
    expect(text.split('\n')).toHaveLength(7);
    for (const name of [
      'REGWAY_DATABASE_LISTEN_URL',
      'REGWAY_DATABASE_WAIT',
      'PGSSLMODE',
      'searchpath',
      'connect_timeout',
    ])
      expect(text).toContain(name);
    expect(code).toBe(78);
  });
});

describe('a start that a later one may replace exits with 75 and says', () => {
  it('that there are too many connections', async () => {
    const small = await startPostgres(['max_connections=4', 'superuser_reserved_connections=0']);
    onTestFinished(() => small.stop());
    const others = await Promise.all([1, 2, 3, 4].map(() => holdConnection(small.url)));
    onTestFinished(() => Promise.all(others.map(({ end }) => end())).then(() => undefined));
    const { code, text } = await ofDatabase(small.url.replace('regway@', 'regway:MARKER@'));
    expect(text).toMatch(/has no free connection \(53300\)\. Raise max_connections/);
    expect(code).toBe(75);
  });

  it('that no answer came', async () => {
    const silent = createTcpServer().listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    const { code, text } = await ofDatabase(`postgres://u:MARKER@127.0.0.1:${port}/x?connect_timeout=1`);
    expect(text).toMatch(/did not answer within 1 s\./);
    expect(code).toBe(75);
  });
});

async function holdConnection(url: string): Promise<{ end: () => Promise<void> }> {
  const sql = connectSql(url);
  await sql`SELECT 1`;
  return { end: () => sql.end() };
}

/** Overwrites the pages of one table. */
function damage(file: string, table: string): void {
  const script = `
    const Sqlite = require(${JSON.stringify(join(projectRoot, 'node_modules/better-sqlite3'))});
    const database = new Sqlite(${JSON.stringify(file)});
    database.pragma('wal_checkpoint(TRUNCATE)');
    const page = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(${JSON.stringify(table)});
    const size = database.pragma('page_size', { simple: true });
    database.close();
    const handle = require('node:fs').openSync(${JSON.stringify(file)}, 'r+');
    require('node:fs').writeSync(handle, Buffer.alloc(size, 0x5a), 0, size, (page - 1) * size);
  `;
  execFileSync(process.execPath, ['-e', script]);
}
