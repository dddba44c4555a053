// Runs `regway token …` on the data directory next to a running server, and against a malicious server.

import { describe, expect, it } from 'vitest';
import { startServer } from '../../upstream/fixtures.ts';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();
const token = (...args: string[]) =>
  line.run(['token', ...args], { env: { REGWAY_URL: undefined, REGWAY_DATA_DIR: line.server.dataDirectory } });

describe('the tokens of a data directory', () => {
  it('are listed without their secrets, and a revoked one is refused from the next request on', async () => {
    const text = (
      await token(
        'create',
        '--role=PULL',
        '--name=robot',
        '--image=docker.io/anchore/*',
        '--expires-in=90d',
        '-o',
        'id',
      )
    ).stdout.trim();
    const id = text.split('_')[1] ?? '';
    const asked = async () => (await line.server.graphql('{ principal { role } }', {}, text)).status;
    expect(await asked()).toBe(200);

    const { code, stdout } = await token('list', '-o', 'json');
    expect(code).toBe(0);
    const tokens = JSON.parse(stdout) as object[];
    expect(tokens).toMatchObject([
      { name: 'first start', role: 'ADMIN', account: 'admin', images: null, expiresAt: null, revokedAt: null },
      { id, name: 'robot', role: 'PULL', account: 'admin', images: ['docker.io/anchore/*'], revokedAt: null },
    ]);
    expect(Object.keys(tokens[1] ?? {})).toEqual([
      'id',
      'name',
      'role',
      'account',
      'images',
      'createdAt',
      'expiresAt',
      'revokedAt',
      'lastUsedAt',
    ]);
    expect(stdout).not.toContain(text.split('_')[2]);

    expect(await token('revoke', id)).toMatchObject({ code: 0, stdout: expect.stringContaining(id) as string });
    expect(await asked()).toBe(401);
    expect((await token('list', '-o', 'id')).stdout).not.toContain(id);
    const revoked = JSON.parse((await token('list', '--all', '-o', 'json')).stdout) as {
      id: string;
      revokedAt: string | null;
    }[];
    expect(revoked.find((entry) => entry.id === id)?.revokedAt).toMatch(/^\d{4}-/);
  });

  it('a revoked one stays revoked since the first time', async () => {
    const id = (await token('create', '--role=PULL', '-o', 'id')).stdout.split('_')[1] ?? '';
    const first = JSON.parse((await token('revoke', id, '-o', 'json')).stdout) as object;
    expect(JSON.parse((await token('revoke', id, '-o', 'json')).stdout)).toEqual(first);
  });

  it.each(['nosuchtoken0', 'rgw_abcdefghijkl_secret'])(
    'one that does not exist (%s) exits with status 1',
    async (id) => {
      expect(await token('revoke', id)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('There is no token with this ID') as string,
      });
    },
  );

  it('are listed by account', async () => {
    expect((await token('list', '--account=nobody', '-o', 'id')).stdout).toBe('');
    expect((await token('list', '--account=admin', '-o', 'id')).stdout).toMatch(/^([a-z0-9]{12}\n)+$/);
  });
});

describe('the tokens of a server that writes to the terminal', () => {
  const hostile = '\u001B[2J\u202E';
  const facts = {
    id: `id${hostile}`,
    name: `name${hostile}`,
    role: 'PULL',
    account: `account${hostile}`,
    images: null,
    createdAt: '2026-11-24T08:00:00Z',
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
  };

  it.each([
    ['create', ['create', '--role=PULL']],
    ['create, only the token value', ['create', '--role=PULL', '-o', 'id']],
    ['list', ['list']],
    ['list, only IDs', ['list', '-o', 'id']],
    ['revoke, only the ID', ['revoke', 'x', '-o', 'id']],
  ])('are shown without its control characters: %s', async (_what, args) => {
    const data = {
      tokens: { nodes: [facts], pageInfo: { hasNextPage: false, endCursor: null } },
      createToken: { token: facts, text: `rgw_${hostile}`, errors: [] },
      revokeToken: { token: facts, errors: [] },
    };
    const server = await startServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data })),
    );
    const { code, stdout, stderr } = await line.run(['token', ...args], { env: { REGWAY_URL: server.origin } });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('\uFFFD');
    // oxlint-disable-next-line no-control-regex
    expect(stdout + stderr).not.toMatch(/[\u001B\u202E]/);
  });
});
