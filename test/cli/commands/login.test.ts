// `regway login` saves a server and its token, readable only by the user, and sends the token only to that server.

import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { startServer } from '../../upstream/fixtures.ts';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();
const nothingSet = { REGWAY_URL: undefined, REGWAY_TOKEN: undefined };
const folder = join(line.configHome, 'regway');
const file = join(folder, 'login.json');

const login = (url = line.server.url, token = line.server.firstToken()) =>
  line.run(['login', url, '--token-stdin'], { input: `${token}\n`, env: nothingSet });

beforeEach(async () => {
  await line.run(['logout']);
});

describe('a login', () => {
  it('is remembered in a file that only the user can read', async () => {
    const { code, stdout, stderr } = await login(`${line.server.url}/graphql`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('as ADMIN of the account admin');
    expect(stderr).not.toContain(line.server.firstToken());
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
    expect(readdirSync(folder)).toEqual(['login.json']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ url: line.server.url, token: line.server.firstToken() });
  });

  it('replaces REGWAY_URL and REGWAY_TOKEN until logout', async () => {
    await login();
    expect(await line.run(['registry', 'list', '-o', 'json'], { env: nothingSet })).toMatchObject({
      code: 0,
      stdout: '[]\n',
    });
    expect(await line.run(['registry', 'list', '-o', 'json'], { env: { REGWAY_TOKEN: undefined } })).toMatchObject({
      code: 0,
    });
    expect(await line.run(['logout'])).toMatchObject({ code: 0, stderr: 'Logged out.\n' });
    expect(readdirSync(folder)).toEqual([]);
    expect(await line.run(['logout'])).toMatchObject({ code: 0, stderr: 'There was no saved login.\n' });
  });

  it('is not sent to a server that REGWAY_URL names', async () => {
    await login();
    const other = await startServer((_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"errors":[{"message":"no","extensions":{"code":"UNAUTHENTICATED"}}]}'),
    );
    expect(
      await line.run(['registry', 'list'], { env: { REGWAY_URL: other.origin, REGWAY_TOKEN: undefined } }),
    ).toMatchObject({ code: 1 });
    expect(other.received).toHaveLength(1);
    expect(other.authorizations()).toEqual([]);
  });

  it('with a token that the server refuses is not remembered, and the old one stays', async () => {
    await login();
    expect(await login(undefined, 'rgw_wrong')).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ token: line.server.firstToken() });
  });

  it.each(['{', '{"url":5,"token":"t"}', '[]', ''])(
    'that was damaged (%j) is said to be, without showing it',
    async (content) => {
      await login();
      writeFileSync(file, content);
      expect(await line.run(['registry', 'list'], { env: nothingSet })).toMatchObject({
        code: 2,
        stderr: `Error: ${file} is damaged. Run "regway login" again.\n`,
      });
    },
  );
});
