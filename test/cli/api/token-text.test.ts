// A token that was copied wrongly: it is refused before anything is sent, and no message repeats it.

import { expect, it } from 'vitest';
import { runRegway } from '../harness.ts';

it.each([
  ['a line break', 'rgw_secret\nsecret'],
  ['a return and more', 'rgw_secret\r\nX-Injected: secret'],
  ['a letter of another script', 'rgw_secret漢字'],
  ['a letter with an accent', 'rgw_secreté'],
  ['white space', 'rgw_secret secret'],
  ['too many characters', `rgw_secret${'x'.repeat(13_000)}`],
  ['a character that cannot be seen', 'rgw_secret\u200b'],
])('with %s', async (_what, token) => {
  for (const args of [
    ['registry', 'list'],
    ['registry', 'check', 'a.example', '--username=a'],
    ['token', 'list'],
  ]) {
    const { code, stdout, stderr } = await runRegway(args, {
      env: { REGWAY_URL: 'http://127.0.0.1:1', REGWAY_TOKEN: token, REGWAY_REGISTRY_PASSWORD: 'p' },
    });
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
    expect(stderr).not.toContain('secret');
    expect(stderr).toContain('Copy it again');
  }
  const login = await runRegway(['login', 'http://127.0.0.1:1', '--token-stdin'], { input: token.replace('\n', '\v') });
  expect(login.code).toBe(2);
  expect(login.stderr).not.toContain('secret');
});
