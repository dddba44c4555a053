// The command line rejects wrong usage, never shows secrets, and exits with the documented status.

import { describe, expect, it } from 'vitest';
import { closedPort, marker, startServer } from '../../upstream/fixtures.ts';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();
const add = ['registry', 'add', 'registry.example', '--username=alice'];

describe('a password in the arguments', () => {
  it.each([
    [`--password=${marker}`],
    ['--password', marker],
    ['-p', marker],
    [`-p${marker}`],
    ['--pass', marker],
    [`--passwd=${marker}`],
    [`--registry-password=${marker}`],
    [`--PASSWORD=${marker}`],
  ])('is refused with 2 and not repeated (%s)', async (...args) => {
    const { code, stdout, stderr } = await line.run([...add, ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--password-stdin');
    expect(stderr).not.toContain(marker);
    expect(await line.stored()).toEqual([]);
  });

  it.each([
    [['registry', 'add', 'registry.example', 'alice', marker, '--username=alice']],
    [[...add, `--token=${marker}`]],
    [[...add, `--Password=${marker}`]],
  ])('is not repeated where nothing expected it (%#)', async (args) => {
    const { code, stdout, stderr } = await line.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toContain(marker);
  });
});

describe('a password in the address of a database', () => {
  it.each([
    `postgres://regway:${marker}@db.example/regway`,
    `postgres://:${marker}@db.example/regway`,
    `postgres://regway@db.example/regway?password=${marker}`,
    `postgres://regway@db.example/regway?ssl=true&password=${marker}`,
    `postgres://regway:${marker}@one.example:5432,two.example:5432/regway`,
    `postgres://regway:a/${marker}@db.example/regway`,
    `postgres://regway:${marker}@host:port/regway`,
    `mysql://regway:${marker}@db.example/regway`,
  ])('is refused with 2 and not repeated (%s)', async (address) => {
    const { code, stdout, stderr } = await line.run(['migrate', '--to', address], {
      env: { REGWAY_DATA_DIR: line.server.dataDirectory },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('PGPASSWORD');
    expect(stderr).not.toContain(marker);
  });
});

describe('wrong usage', () => {
  it.each<[string, string[]]>([
    ['no command', []],
    ['an unknown command', ['registries']],
    ['no registry', ['registry', 'get']],
    ['no user name', ['registry', 'add', 'registry.example']],
    ['an unknown type', [...add, '--type=quay']],
    ['neither true nor false', [...add, '--secure-connection=maybe']],
    ['an unknown form', ['registry', 'list', '-o', 'yaml']],
    ['no password and no terminal', add],
    ['an empty password', [...add, '--password-stdin']],
    ['a token prompt without a terminal', ['login', 'http://127.0.0.1:1']],
    ['an invalid address', ['login', 'regway.example.com', '--token-stdin']],
    ['a password prompt without a terminal', ['registry', 'update', 'registry.example', '--password-prompt']],
    ['a file that does not exist', ['import', '/nowhere/config.json']],
  ])('exits with status 2: %s', async (_, args) => {
    const { code, stdout, stderr } = await line.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
    expect(await line.stored()).toEqual([]);
  });

  it.each([
    `http://alice:${marker}@127.0.0.1:4000`,
    `ftp://127.0.0.1/${marker}`,
    `http://127.0.0.1/?token=${marker}`,
    `127.0.0.1:4000#${marker}`,
  ])('exits with status 2 for an invalid address, without repeating it', async (url) => {
    const { code, stderr } = await line.run(['registry', 'list'], { env: { REGWAY_URL: url } });
    expect(code).toBe(2);
    expect(stderr).toContain('REGWAY_URL');
    expect(stderr).not.toContain(marker);
  });
});

describe('a server that is not reachable', () => {
  const password = { REGWAY_REGISTRY_PASSWORD: marker };

  it.each([
    ['registry', 'list'],
    ['registry', 'check', 'registry.example', '--username=alice'],
    ['image', 'explain', 'ubuntu'],
  ])('exits with status 3: %s %s', async (...args) => {
    const { code, stdout, stderr } = await line.run(args, {
      env: { ...password, REGWAY_URL: `http://127.0.0.1:${await closedPort()}` },
    });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('ECONNREFUSED');
  });

  it('exits with status 3 if another program responds there', async () => {
    const other = await startServer((_, response) => response.end('<html>hello</html>'));
    expect(await line.run(['registry', 'list'], { env: { REGWAY_URL: other.origin } })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('does not answer as a Regway server') as string,
    });
    expect(
      await line.run(['registry', 'check', 'registry.example', '--username=alice'], {
        env: { ...password, REGWAY_URL: other.origin },
      }),
    ).toMatchObject({ code: 3 });
  });

  it.each([307, 302])('a password does not follow a %i redirect', async (status) => {
    const thief = await startServer((_, response) => response.end('{"data":{}}'));
    const server = await startServer((_, response) =>
      response.writeHead(status, { location: `${thief.origin}/graphql` }).end(),
    );
    for (const command of ['check', 'add']) {
      expect(
        await line.run(['registry', command, 'registry.example', '--username=alice'], {
          env: { ...password, REGWAY_URL: server.origin },
        }),
      ).toMatchObject({ code: 3 });
    }
    expect(thief.received).toEqual([]);
  });

  it('exits with status 3 if the server disconnects during a validation', async () => {
    const server = await startServer((request, response) => {
      if (request.headers.accept !== 'text/event-stream')
        return response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":{"registry":null}}');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(':\n\n');
      return setTimeout(() => response.destroy(), 50);
    });
    const { code } = await line.run(['registry', 'check', 'registry.example', '--username=alice'], {
      env: { ...password, REGWAY_URL: server.origin },
    });
    expect(code).toBe(3);
    expect(server.received).toHaveLength(1);
  });
});

describe('a token that does not log in', () => {
  it.each([
    [undefined, 'requires a token'],
    ['rgw_wrong', 'rejected the token'],
  ])('exits with status 1 and says what to do (%s)', async (token, sentence) => {
    for (const args of [
      ['registry', 'list'],
      ['registry', 'check', 'registry.example', '--username=alice'],
    ]) {
      const { code, stderr } = await line.run(args, { env: { REGWAY_TOKEN: token, REGWAY_REGISTRY_PASSWORD: marker } });
      expect(code).toBe(1);
      expect(stderr).toContain(sentence);
      expect(stderr).toContain(`regway login ${line.server.url}`);
    }
  });
});

describe('a failed authentication that a new token would not fix', () => {
  it('is reported with the message of the server', async () => {
    const error = {
      message: 'Ask its administrator to map one of your groups.',
      extensions: { code: 'UNAUTHENTICATED', reason: 'NO_ACCOUNT_OR_ROLE', requestId: 'request-1' },
    };
    const server = await startServer((_, response) =>
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [error] })),
    );
    const { code, stderr } = await line.run(['registry', 'list'], {
      env: { REGWAY_TOKEN: 'a.jwt.text', REGWAY_URL: server.origin },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('Ask its administrator to map one of your groups. (request id request-1)');
    expect(stderr).not.toContain('regway login');
  });
});

describe('help', () => {
  it.each(
    [
      [],
      ['serve'],
      ['registry'],
      ...['list', 'get', 'add', 'update', 'delete', 'check', 'validate'].map((command) => ['registry', command]),
      ['image'],
      ['image', 'explain'],
      ['import'],
      ['login'],
      ['logout'],
      ['token'],
      ...['create', 'list', 'revoke'].map((command) => ['token', command]),
      ['account'],
      ...['create', 'list', 'disable', 'enable'].map((command) => ['account', command]),
      ['audit'],
      ...['list', 'verify'].map((command) => ['audit', command]),
    ].map((args) => [args]),
  )('has an example: %j', async (args) => {
    const { code, stdout } = await line.run([...args, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nExamples:\n {2}\S/);
  });

  it.each(
    [
      [],
      ['serve'],
      ...['', 'list', 'get', 'add', 'update', 'delete', 'check', 'validate'].map((command) => ['registry', command]),
      ...['', 'explain', 'pull-config'].map((command) => ['image', command]),
      ['import'],
      ...['', 'create', 'list', 'revoke'].map((command) => ['token', command]),
      ...['', 'status', 'rotate-data', 'rotate-root'].map((command) => ['keys', command]),
      ...['backup', 'restore', 'verify', 'migrate', 'export'].map((command) => [command]),
      ...['', 'create', 'list', 'disable', 'enable'].map((command) => ['account', command]),
      ...['', 'list', 'verify', 'archive'].map((command) => ['audit', command]),
      ['login'],
      ['logout'],
    ].map((args) => [args.filter((word) => word !== '')]),
  )('is at most 80 columns wide: %j', async (args) => {
    const { code, stdout } = await line.run([...args, '--help']);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter(({ length }) => length > 80)).toEqual([]);
  });

  it('of the token commands says when they go over the network', async () => {
    expect((await line.run(['token', 'revoke', '--help'])).stdout).toContain(
      'If REGWAY_URL is set, the command uses that server',
    );
  });

  it('says that without REGWAY_URL the token commands work on the data directory', async () => {
    const { stdout } = await line.run(['--help']);
    const text = stdout.replaceAll(/\n {29}/g, ' ');
    expect(text).toMatch(/^ +REGWAY_URL .*audit list \(default: the server saved by "regway login"/m);
    expect(text).toContain('Token commands use REGWAY_URL if it is set, else the data directory');
  });

  it('has no colors without a terminal', async () => {
    for (const args of [['--help'], ['registry', 'list'], ['registry', 'get', 'nowhere.example']]) {
      const { stdout, stderr } = await line.run(args);
      expect(stdout + stderr).not.toContain('\u001B');
    }
  });
});
