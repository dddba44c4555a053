// `regway account`, `regway token` and `regway audit list` against a server: its rules hold, and the text of a token is printed once.

import { expect, it } from 'vitest';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();

it('makes an account and a token in it, locks the account out, and lets it in again', async () => {
  expect(await line.run(['account', 'create', 'team-a', '-o', 'id'])).toMatchObject({ code: 0, stdout: 'team-a\n' });
  const made = await line.run(['token', 'create', '--role=READ_WRITE', '--account=team-a', '--name=ci', '-o', 'id']);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rgw_\S+\n$/) as string });
  const token = made.stdout.trim();
  const as = { env: { REGWAY_TOKEN: token } };

  const own = await line.run(['token', 'create', '--role=PULL'], as);
  expect(own.stdout).toContain('Account:  team-a');
  const listed = await line.run(['token', 'list', '-o', 'json'], as);
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { name: 'ci', role: 'READ_WRITE', account: 'team-a', revokedAt: null },
    { name: 'pull token', role: 'PULL', account: 'team-a' },
  ]);
  expect(listed.stdout).not.toContain(token.split('_')[2]);
  expect(await line.run(['token', 'create', '--role=ADMIN'], as)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('Only an admin') as string,
  });
  expect(await line.run(['account', 'list'], as)).toMatchObject({ code: 1, stdout: '' });

  expect(await line.run(['account', 'disable', 'team-a'])).toMatchObject({ code: 0 });
  expect(await line.run(['token', 'list'], as)).toMatchObject({ code: 1, stdout: '' });
  expect(await line.run(['account', 'enable', 'team-a'])).toMatchObject({ code: 0 });
  const id = token.split('_')[1] ?? '';
  expect(await line.run(['token', 'revoke', id, '-o', 'id'], as)).toMatchObject({ code: 0, stdout: `${id}\n` });
  expect(await line.run(['token', 'list'], as)).toMatchObject({ code: 1, stdout: '' });

  const trail = await line.run(['audit', 'list', '--account=team-a', '-o', 'json']);
  const actions = (JSON.parse(trail.stdout) as { action: string }[]).map(({ action }) => action);
  expect(actions).toEqual([
    'TOKEN_REVOKE',
    'ACCOUNT_ENABLE',
    'ACCOUNT_DISABLE',
    'TOKEN_CREATE',
    'TOKEN_CREATE',
    'ACCOUNT_CREATE',
  ]);
  expect(trail.stdout).not.toContain(token.split('_')[2]);
});

it.each([
  ['the account admin cannot be disabled', ['account', 'disable', 'admin'], 1],
  ['an account that does not exist', ['account', 'enable', 'nobody'], 1],
  ['an invalid limit', ['audit', 'list', '--limit=0'], 2],
])('%s exits with its status', async (_, args, code) => {
  expect(await line.run(args)).toMatchObject({ code, stdout: '' });
});
