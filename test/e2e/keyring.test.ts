// A server whose keys do not fit its database refuses to start, and leaves every byte as it was.

import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { runProgram } from './support/child-process.ts';
import { durable, fingerprintsOf } from './support/fingerprints.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { executableArguments } from '../support/built.ts';
import { newDataDirectory, projectRoot, serverEnvironment, startServer } from './support/server.ts';

let dataDirectory: string;
let keyringFile: string;
let settings: Record<string, string>;
let token: string;

beforeEach(async () => {
  dataDirectory = newDataDirectory();
  keyringFile = join(newDataDirectory(), 'keyring');
  settings = { REGWAY_KEYRING_FILE: keyringFile };
  const server = await startServer({ dataDirectory, settings });
  token = server.firstToken();
  const input = { registry: '127.0.0.1:5000', username: 'alice', password: 'a password' };
  registryOf(await operationsOn(server).create(input, { secureConnection: false, validate: false }));
  await server.stop();
});

test('the keyring of the first start is readable only by its owner', () => {
  expect(statSync(keyringFile).mode & 0o777).toBe(0o400);
});

const refusals: [string, () => void][] = [
  ['is missing', () => rmSync(keyringFile)],
  ['holds another key', () => replaceKeyring(`rgk1:${Buffer.alloc(32, 7).toString('base64')}\n`)],
  ['holds a key that is too short', () => replaceKeyring(`rgk1:${Buffer.alloc(16, 7).toString('base64')}\n`)],
  ['is empty', () => replaceKeyring('')],
  ['is cut off', () => replaceKeyring(readFileSync(keyringFile, 'utf8').slice(0, -12))],
  ['is readable by every user', () => chmodSync(keyringFile, 0o644)],
];

test.each(refusals)(
  'a keyring that %s prevents startup with status 78, and no byte is changed',
  async (_what, spoil) => {
    spoil();
    const before = fingerprints();
    const { code, stdout, stderr } = await serve();
    expect(code, stdout + stderr).toBe(78);
    expect(stderr + stdout).toContain(keyringFile);
    expect(fingerprints()).toEqual(before);
  },
);

test('after kill -9, with writes still in the write-ahead log, a wrong keyring changes no byte of either', async () => {
  const server = await startServer({ dataDirectory, settings });
  const input = { registry: '127.0.0.1:5001', username: 'alice', password: 'a password' };
  registryOf(await operationsOn(server, token).create(input, { secureConnection: false, validate: false }));
  await server.kill();
  replaceKeyring(`rgk1:${Buffer.alloc(32, 7).toString('base64')}\n`);
  const before = durable(fingerprints());
  expect(Object.keys(before).some((path) => path.endsWith('-wal'))).toBe(true);
  expect((await serve()).code).toBe(78);
  expect(durable(fingerprints())).toEqual(before);
});

test('the right keyring, put back, opens everything again', async () => {
  const right = readFileSync(keyringFile, 'utf8');
  rmSync(keyringFile);
  expect((await serve()).code).toBe(78);
  writeFileSync(keyringFile, right, { mode: 0o400 });
  const server = await startServer({ dataDirectory, settings });
  expect((await operationsOn(server, token).list()).totalCount).toBe(1);
  await server.stop();
});

async function serve() {
  return runProgram({
    command: process.execPath,
    args: executableArguments('serve'),
    env: serverEnvironment(dataDirectory, settings),
    cwd: projectRoot,
  });
}

function replaceKeyring(text: string): void {
  rmSync(keyringFile);
  writeFileSync(keyringFile, text, { mode: 0o400 });
}

function fingerprints(): Record<string, string> {
  return fingerprintsOf(dataDirectory);
}
