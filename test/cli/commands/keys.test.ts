// Runs `regway keys …` on the data directory next to a running server, which continues without a failure.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runRegway, useCommandLine } from '../harness.ts';

const line = useCommandLine();
const keys = (...args: string[]) =>
  line.run(['keys', ...args], { env: { REGWAY_DATA_DIR: line.server.dataDirectory } });

interface Status {
  readonly rootKeys: readonly { readonly id: string; readonly dataKeys: number }[];
  readonly dataKeys: readonly { readonly id: number; readonly state: string; readonly passwords: number }[];
}

const status = async () => JSON.parse((await keys('status', '-o', 'json')).stdout) as Status;

it('keys are rotated next to a server, which continues to read and store, and no key is ever printed', async () => {
  const add = (registry: string) =>
    line.run(['registry', 'add', registry, '--username=u', '--validate=false', '-o', 'id'], {
      env: { REGWAY_REGISTRY_PASSWORD: 'a password' },
    });
  expect(await add('one.example')).toMatchObject({ code: 0 });
  const before = await status();
  expect(before).toMatchObject({
    rootKeys: [{ dataKeys: 2 }],
    dataKeys: [
      { id: 1, state: 'ACTIVE', passwords: 1 },
      { id: 2, state: 'AUDIT' },
    ],
  });

  expect(await keys('rotate-data')).toMatchObject({
    code: 0,
    stdout: 'Data key 3 is now active: 1 passwords were re-encrypted.\n',
  });
  expect(await add('two.example')).toMatchObject({ code: 0 });
  const root = await keys('rotate-root');
  expect(root).toMatchObject({ code: 0, stderr: '' });
  expect(await keys('rotate-data', '-o', 'json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"resealed": 2') as string,
  });
  expect(await add('three.example')).toMatchObject({ code: 0 });
  const update =
    'mutation($id: ID!) { updateRegistry(id: $id, input: { name: "x" }, validate: false) { errors { code } } }';
  const id = (await line.run(['registry', 'get', 'one.example', '-o', 'id'])).stdout.trim();
  expect((await line.server.graphql(update, { id })).body.data).toEqual({ updateRegistry: { errors: [] } });

  const after = await status();
  expect(after).toMatchObject({
    rootKeys: [{ dataKeys: 2 }],
    dataKeys: [
      { id: 2, state: 'AUDIT' },
      { id: 4, state: 'ACTIVE', passwords: 3 },
    ],
  });
  expect(after.rootKeys[0]?.id).not.toBe(before.rootKeys[0]?.id);
  const [key = ''] = /[A-Za-z0-9+/]{43}=/.exec(readFileSync(join(line.server.dataDirectory, 'keyring'), 'utf8')) ?? [];
  expect(key).not.toBe('');
  expect(root.stdout + JSON.stringify(after)).not.toContain(key);
});

it('no keys exist before the first start', async () => {
  const outcome = await runRegway(['keys', 'status'], { env: { REGWAY_DATA_DIR: join(line.configHome, 'empty') } });
  expect(outcome).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('There are no keys yet') as string,
  });
});
