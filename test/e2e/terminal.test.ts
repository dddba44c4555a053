// The command line on a pseudo-terminal: hidden prompts, questions, colors, and width.

import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProgram } from './support/child-process.ts';
import { alice, startBasicRegistry } from './support/registries.ts';
import type { RealRegistry } from './support/registries.ts';
import { executableArguments } from '../support/built.ts';
import { serverEnvironment, startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';
import { onTerminal, type TerminalOptions } from './support/terminal.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

let server: RegwayServer;
let registry: RealRegistry;
const configHome = makeTemporaryDirectory('config');
const enter = '\r';
/** The start of a color. */
const color = '\u001B[3';

beforeAll(async () => {
  [server, registry] = await Promise.all([startServer(), startBasicRegistry([alice])]);
});

afterAll(async () => {
  await Promise.all([server.stop(), registry.stop()]);
});

const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...serverEnvironment('/nowhere', {
    REGWAY_URL: server.url,
    REGWAY_TOKEN: server.firstToken(),
    XDG_CONFIG_HOME: configHome,
    TERM: 'xterm-256color',
  }),
  // A user's terminal, for any runner of the tests: all three decide about colors.
  NO_COLOR: '',
  FORCE_COLOR: undefined,
  CI: undefined,
  ...more,
});
const regway = (
  args: readonly string[],
  { env, ...options }: TerminalOptions & { env?: Record<string, string> } = {},
) => onTerminal([process.execPath, ...executableArguments(...args)], { ...options, env: environment(env) });
const add = (repository: string) => [
  'registry',
  'add',
  `${registry.host}/${repository}`,
  '--username=alice',
  '--secure-connection=false',
];
const stored = async (): Promise<string> => (await server.graphql('{ registries { nodes { registry } } }')).text;

describe('a password', () => {
  test('is prompted for without echo, and the steps have colors', async () => {
    const { screen, code } = await regway(add('asked/*'), {
      answers: [['Password of alice: ', alice.password + enter]],
    });
    expect(code, screen).toBe(0);
    expect(screen).not.toContain(alice.password);
    expect(screen).toContain(`${color}2m✓`);
    expect(screen).toContain(`Registry:   ${registry.host}/asked/*`);
  });

  test('that is not typed is not sent: Ctrl-C exits with status 130', async () => {
    const { screen, code } = await regway(add('canceled/*'), { answers: [['Password of alice: ', 'half\u0003']] });
    expect(code, screen).toBe(130);
    expect(screen).toContain('Canceled.');
    expect(await stored()).not.toContain('canceled');
  });

  test('is asked for when a change needs it', async () => {
    expect((await regway(add('changed/*'), { answers: [['Password of alice: ', alice.password + enter]] })).code).toBe(
      0,
    );
    const args = [
      'registry',
      'update',
      `${registry.host}/changed/*`,
      '--trusted-realm=127.0.0.9',
      '--secure-connection=false',
    ];
    const { screen, code } = await regway(args, { answers: [['Password for', alice.password + enter]] });
    expect(code, screen).toBe(0);
    expect(screen).toContain('Trusted realm: 127.0.0.9');
  });

  test('is in the arguments of no process while a check runs', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const password = 'Marker-of-the-process-list';
    const program = await startProgram({
      command: process.execPath,
      args: executableArguments('registry', 'check', host, '--username=alice'),
      env: environment({ REGWAY_REGISTRY_PASSWORD: password }),
      ready: [/✓ .*CONNECT/],
    });
    const lines = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(commandLine);
    expect(lines.some((line) => line.includes(host))).toBe(true);
    expect(lines.filter((line) => line.includes(password))).toEqual([]);
    await program.end('SIGTERM');
    silent.close();
  });
});

test('NO_COLOR removes the colors, and nothing else', async () => {
  const { screen, code } = await regway(['registry', 'check', ...add('asked/*').slice(2)], {
    env: { NO_COLOR: '1' },
    answers: [['Password of alice: ', alice.password + enter]],
  });
  expect(code, screen).toBe(0);
  expect(screen).toContain('✓ VALID');
  expect(screen).not.toContain(color);
});

test.each([
  ['n', 1, true],
  ['', 1, true],
  ['y', 0, false],
])('a deletion requires a confirmation, and %j exits with status %i', async (answer, expected, kept) => {
  await server.graphql(
    'mutation { createRegistry(input: { registry: "deleted.example", username: "a", password: "p" }, validate: false) { errors { code } } }',
  );
  const { screen, code } = await regway(['registry', 'delete', 'deleted.example'], {
    answers: [['[y/N] ', answer + enter]],
  });
  expect(code, screen).toBe(expected);
  expect((await stored()).includes('deleted.example')).toBe(kept);
});

test.each([50, 80])('a list fits a terminal of %i columns', async (columns) => {
  await server.graphql(
    `mutation { createRegistry(input: { registry: "a-host-with-a-long-name.example.com/and/a/long/path/*", username: "a-long-user-name@example.com", password: "p", name: "${'n'.repeat(60)}" }, validate: false) { errors { code } } }`,
  );
  const { screen } = await regway(['registry', 'list'], { columns, env: { NO_COLOR: '1' } });
  const lines = screen.split('\r\n');
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
});

test('a token is asked for without echo by login', async () => {
  const { screen, code } = await regway(['login', server.url], {
    env: { REGWAY_TOKEN: '', REGWAY_URL: '' },
    answers: [['Token for', server.firstToken() + enter]],
  });
  expect(code, screen).toBe(0);
  expect(screen).not.toContain(server.firstToken());
  expect((await regway(['registry', 'list'], { env: { REGWAY_TOKEN: '', REGWAY_URL: '' } })).code).toBe(0);
});

/** Empty for a process that has just ended. */
function commandLine(processId: string): string {
  try {
    return readFileSync(`/proc/${processId}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
