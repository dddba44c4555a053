// Runs `regway audit verify`: next to a running server, on an edited database, and without a database. Only the first call goes through npx, as an
// operator types it, because npx needs longer than the command.

import { readdirSync, rmSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { createApiToken } from './support/api-tokens.ts';
import { executableArguments } from '../support/built.ts';
import { runProgram } from './support/child-process.ts';
import { withDatabase } from './support/database.ts';
import { newDataDirectory, projectRoot, serverEnvironment, startServer } from './support/server.ts';

let dataDirectory: string;

beforeEach(() => {
  dataDirectory = newDataDirectory();
});

const run = (command: string, args: readonly string[]) =>
  runProgram({ command, args, env: serverEnvironment(dataDirectory), cwd: projectRoot });
const verify = (...flags: string[]) => run(process.execPath, executableArguments('audit', 'verify', ...flags));

test('next to a running server it counts the events and prints an anchor, which is still valid later', async () => {
  const server = await startServer({ dataDirectory });
  await createApiToken(dataDirectory, { role: 'READ_WRITE' });
  const first = await run('npx', ['regway', 'audit', 'verify']);
  expect(first).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^The audit trail is intact: 2 events verified\.\nAnchor: 2:[0-9a-f]{64}\n$/),
  });
  const anchor = /Anchor: (.*)/.exec(first.stdout)?.[1];
  await createApiToken(dataDirectory, { role: 'READ_ONLY' });
  expect(await verify(`--anchor=${anchor}`)).toMatchObject({ code: 0, stdout: expect.stringContaining('3 events') });
  await server.stop();
});

test('it exits with status 1 and names the first bad event, also for a script', async () => {
  await (await startServer({ dataDirectory })).stop();
  for (const role of ['READ_WRITE', 'PULL'] as const) await createApiToken(dataDirectory, { role });
  withDatabase(dataDirectory, (database) =>
    database.exec(`UPDATE audit_event SET actor = 'another actor' WHERE seq = 2`),
  );
  expect(await verify()).toMatchObject({
    code: 1,
    stdout: 'The audit trail is broken: event 2 was altered (ALTERED). Events verified before it: 1.\n',
  });
  const { code, stdout } = await verify('-o', 'json');
  expect([code, JSON.parse(stdout)]).toEqual([1, { intact: false, checked: 1, seq: 2, damage: 'ALTERED' }]);
});

test('it exits with status 1 if the end was cut off', async () => {
  await (await startServer({ dataDirectory })).stop();
  await createApiToken(dataDirectory, { role: 'PULL' });
  withDatabase(dataDirectory, (database) => database.exec('DELETE FROM audit_event WHERE seq = 2'));
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining('TRUNCATED') });
});

test('it exits with status 1 if the key of the trail was removed, and creates no other', async () => {
  await (await startServer({ dataDirectory })).stop();
  withDatabase(dataDirectory, (database) => database.exec(`DELETE FROM data_key WHERE state = 'AUDIT'`));
  for (let time = 0; time < 2; time++)
    expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining('KEY_REMOVED') as string });
  expect(
    withDatabase(dataDirectory, (database) =>
      database.prepare(`SELECT count(*) FROM data_key WHERE state = 'AUDIT'`).pluck().get(),
    ),
  ).toBe(0);
});

test('it exits with status 1 if the key and the head were removed, because the events show that a trail existed', async () => {
  await (await startServer({ dataDirectory })).stop();
  withDatabase(dataDirectory, (database) =>
    database.exec(`DELETE FROM data_key WHERE state = 'AUDIT'; DELETE FROM audit_head`),
  );
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining('KEY_REMOVED') as string });
});

test('it exits with status 1 if the key and every sign of a trail were removed, because an anchor shows it', async () => {
  await (await startServer({ dataDirectory })).stop();
  withDatabase(dataDirectory, (database) =>
    database.exec(`DELETE FROM data_key WHERE state = 'AUDIT'; DELETE FROM audit_head; DELETE FROM audit_event`),
  );
  expect(await verify(`--anchor=1:${'0'.repeat(64)}`)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('KEY_REMOVED') as string,
  });
  expect(await verify()).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('no chain of audit events yet') as string,
  });
});

test('without a database it exits with status 78 and creates none', async () => {
  expect(await verify()).toMatchObject({
    code: 78,
    stdout: '',
    stderr: expect.stringContaining('There is no database') as string,
  });
  expect(readdirSync(dataDirectory)).toEqual([]);
});

test('without the keyring it exits with status 78', async () => {
  await (await startServer({ dataDirectory })).stop();
  rmSync(`${dataDirectory}/keyring`);
  expect(await verify()).toMatchObject({ code: 78, stdout: '', stderr: expect.stringContaining('keyring') });
});

test.each(['nonsense', '0:00', `1:${'g'.repeat(64)}`])('an invalid anchor (%s) is a usage error', async (anchor) => {
  expect(await verify(`--anchor=${anchor}`)).toMatchObject({ code: 2, stdout: '' });
});
