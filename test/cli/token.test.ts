// `regway token list` and `token revoke` on the data directory, beside a running server.

import { describe, expect, it } from 'vitest';
import { useCommandLine } from './harness.ts';

const line = useCommandLine();
const token = (...args: string[]) => line.run(['token', ...args], { env: { REGWAY_URL: undefined, REGWAY_DATA_DIR: line.server.dataDirectory } });

describe('the tokens of a data directory', () => {
  it('are listed without their secrets, and a revoked one is refused from the next request on', async () => {
    const text = (await token('create', '--role=PULL', '--name=robot', '--image=docker.io/anchore/*', '--expires-in=90d', '-o', 'id')).stdout.trim();
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
    expect(Object.keys(tokens[1] ?? {})).toEqual(['id', 'name', 'role', 'account', 'images', 'createdAt', 'expiresAt', 'revokedAt', 'lastUsedAt']);
    expect(stdout).not.toContain(text.split('_')[2]);

    expect(await token('revoke', id)).toMatchObject({ code: 0, stdout: expect.stringContaining(id) as string });
    expect(await asked()).toBe(401);
    const revoked = JSON.parse((await token('list', '-o', 'json')).stdout) as { id: string; revokedAt: string | null }[];
    expect(revoked.find((entry) => entry.id === id)?.revokedAt).toMatch(/^\d{4}-/);
  });

  it('a revoked one stays revoked since the first time', async () => {
    const id = (await token('create', '--role=PULL', '-o', 'id')).stdout.split('_')[1] ?? '';
    const first = JSON.parse((await token('revoke', id, '-o', 'json')).stdout) as object;
    expect(JSON.parse((await token('revoke', id, '-o', 'json')).stdout)).toEqual(first);
  });

  it.each(['nosuchtoken0', 'rgw_abcdefghijkl_secret'])('one that is not there (%s) ends with 1', async (id) => {
    expect(await token('revoke', id)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('There is no token with this id') as string });
  });

  it('are listed by account', async () => {
    expect((await token('list', '--account=nobody', '-o', 'id')).stdout).toBe('');
    expect((await token('list', '--account=admin', '-o', 'id')).stdout).toMatch(/^([a-z0-9]{12}\n)+$/);
  });
});
