// The package as a stranger gets it: packed, installed from the tarball into an empty directory, and run there on its own.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { findBundleViolations, findUnusedDependencies, readPins } from '../../src/build/dependencies.ts';
import { runProgram, startProgram } from './support/child-process.ts';
import { projectRoot, serverEnvironment } from './support/server.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const run = promisify(execFile);
/** In milliseconds. Two installs, one of them a whole Node of 100 MB, over any network. */
const installTimeoutMs = 600_000;

const folder = makeTemporaryDirectory('package');
let tarball: string;

beforeAll(async () => {
  // The bundle was built before the first suite.
  const { stdout } = await run('npm', ['run', '--silent', 'package', '--', folder], { cwd: projectRoot });
  tarball = stdout.trim();
});

test('the package holds the bundle, the migrations, the schemas and the licenses, and no source', async () => {
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const files = stdout.trim().split('\n');
  expect(
    [...new Set(files.map((file) => file.split('/')[1] ?? ''))].toSorted((one, other) => one.localeCompare(other)),
  ).toEqual(['dist', 'drizzle', 'LICENSE', 'package.json', 'README.md', 'schema', 'src']);
  expect(files.filter((file) => file.endsWith('.ts'))).toEqual([]);
  for (const dialect of ['sqlite', 'postgres'])
    expect(files).toContain(`package/drizzle/${dialect}/meta/_journal.json`);
  const licenses = await run('tar', ['-xzOf', tarball, 'package/dist/THIRD-PARTY-LICENSES.txt']);
  for (const name of ['commander', 'graphql', 'undici', 'zod'])
    expect(licenses.stdout).toMatch(new RegExp(`^${name} \\d+\\.\\S+ \\(\\S+\\)$`, 'm'));
});

test('the bundle contains exactly the versions that dependencies and the lock pin, and every dependency', async () => {
  const { stdout } = await run('tar', ['-xzOf', tarball, 'package/dist/THIRD-PARTY-LICENSES.txt']);
  const bundled = [...stdout.matchAll(/^(\S+) (\d+\.\d+\.\d+\S*) \([^)]+\)$/gm)].map(([, name = '', version = '']) => ({
    name,
    version,
  }));
  expect(bundled.length).toBeGreaterThan(50);
  const pins = await readPins();
  expect([...findBundleViolations(bundled, pins), ...findUnusedDependencies(bundled, pins)]).toEqual([]);
});

/** The oldest that is supported, and the one that is developed on. */
describe.each(['22.19.0', '24.21.0'])('on Node %s', (version) => {
  const directory = join(folder, version);
  const environment = () => ({
    ...serverEnvironment(join(directory, 'data')),
    PATH: [join(directory, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
  });

  beforeAll(async () => {
    await run('mkdir', [directory]);
    writeFileSync(join(directory, 'package.json'), '{"private":true,"allowScripts":{"node":true}}');
    await run('npm', ['install', '--no-audit', '--no-fund', `node@${version}`], { cwd: directory });
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], { cwd: directory });
  }, installTimeoutMs);

  test('it brings one dependency, the database, and nothing that was bundled', () => {
    const { dependencies } = JSON.parse(readFileSync(join(directory, 'node_modules/regway/package.json'), 'utf8')) as {
      dependencies: object;
    };
    expect(Object.keys(dependencies)).toEqual(['better-sqlite3']);
    const installed = readdirSync(join(directory, 'node_modules')).filter(
      (name) => !name.startsWith('.') && !name.startsWith('node'),
    );
    expect(installed).toEqual(['better-sqlite3', 'regway']);
  });

  test('npx regway prints its version', async () => {
    const { code, stdout, stderr } = await runProgram({
      command: 'npx',
      args: ['regway', '--version'],
      env: environment(),
      cwd: directory,
    });
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `${packageVersion()}\n` });
  });

  test('it serves, makes a token, answers with it, and ends cleanly on SIGTERM', async () => {
    const command = join(directory, 'node_modules/.bin/regway');
    const listening = /Regway is listening on (http:\/\/127\.0\.0\.1:\d+)/;
    const server = await startProgram({
      command,
      args: ['serve'],
      env: environment(),
      cwd: directory,
      ready: [listening],
    });
    const url = listening.exec(server.stdout())?.[1] ?? '';
    const before = server
      .stdout()
      .split('\n')
      .slice(
        0,
        server
          .stdout()
          .split('\n')
          .findIndex((line) => listening.test(line)),
      );
    expect(before.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('migrated the database');

    const token = await runProgram({
      command: 'npx',
      args: ['regway', 'token', 'create', '--role=READ_WRITE', '-o', 'id'],
      env: environment(),
      cwd: directory,
    });
    expect(token.code, token.stderr).toBe(0);
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token.stdout.trim()}` },
      body: '{"query":"{ principal { role } }"}',
    });
    expect(await response.json()).toEqual({ data: { principal: { role: 'READ_WRITE' } } });

    const list = await runProgram({
      command: 'npx',
      args: ['regway', 'registry', 'list', '-o', 'json'],
      env: { ...environment(), REGWAY_URL: url, REGWAY_TOKEN: token.stdout.trim() },
      cwd: directory,
    });
    expect({ code: list.code, stdout: list.stdout }, list.stderr).toEqual({ code: 0, stdout: '[]\n' });

    const pages = await Promise.all(
      ['/graphql', '/api/docs'].map((path) => fetch(url + path, { headers: { accept: 'text/html' } })),
    );
    expect(pages.map(({ status }) => status)).toEqual([200, 200]);
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }).version;
}
