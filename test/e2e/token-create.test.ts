// Runs `regway token create`: next to a running server, without one, and before the first start. One call goes through npx, as an operator types
// it, because npx needs longer than the command.

import { beforeEach, expect, test } from 'vitest';
import { executableArguments } from '../support/built.ts';
import { runProgram } from './support/child-process.ts';
import { newDataDirectory, projectRoot, serverEnvironment, startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

const tokenAlone = /^rgw_[A-Za-z0-9_-]+\n$/;

let dataDirectory: string;

beforeEach(() => {
  dataDirectory = newDataDirectory();
});

test('while the server runs, it prints a token that works at once', async () => {
  const server = await startServer({ dataDirectory });
  const { code, stdout, stderr } = await run('npx', ['regway', ...command('--role=READ_WRITE')]);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(tokenAlone);
  await expectPrincipal(server, stdout.trim(), 'READ_WRITE');
  await server.stop();
});

test('while the server is stopped, it prints a token that works after the next start', async () => {
  await (await startServer({ dataDirectory })).stop();
  const { code, stdout, stderr } = await createToken();
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(tokenAlone);
  const server = await startServer({ dataDirectory });
  await expectPrincipal(server, stdout.trim(), 'READ_WRITE');
  await server.stop();
});

test('on an empty data directory it works too', async () => {
  const { code, stdout, stderr } = await createToken();
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(tokenAlone);
  const server = await startServer({ dataDirectory });
  await expectPrincipal(server, stdout.trim(), 'READ_WRITE');
  await server.stop();
});

test.each(['READ_ONLY', 'PULL'])('a token of the role %s may not list registries', async (role) => {
  const server = await startServer({ dataDirectory });
  const token = (await createToken(`--role=${role}`)).stdout.trim();
  await expectPrincipal(server, token, role);
  const { body } = await server.graphql('{ registries { nodes { id } } }', {}, token);
  expect(body.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  await server.stop();
});

test.each([['--role=KING'], ['--role=READ_WRITE', '--nonsense=1']])(
  'wrong usage (%s) exits with status 2 and prints no token',
  async (...flags) => {
    const { code, stdout } = await createToken(...flags);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  },
);

function command(...flags: readonly string[]): string[] {
  return ['token', 'create', ...flags, '--account=admin', '-o', 'id'];
}

function createToken(...flags: string[]) {
  const chosen = flags.length > 0 ? flags : ['--role=READ_WRITE'];
  return run(process.execPath, executableArguments(...command(...chosen)));
}

function run(program: string, args: readonly string[]) {
  return runProgram({ command: program, args, env: serverEnvironment(dataDirectory), cwd: projectRoot });
}

async function expectPrincipal(server: RegwayServer, token: string, role: string): Promise<void> {
  const { body } = await server.graphql('{ principal { account role } }', {}, token);
  expect(body).toEqual({ data: { principal: { account: 'admin', role } } });
}
