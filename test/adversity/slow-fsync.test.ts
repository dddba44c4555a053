// A disk whose fsync needs 300 ms, by strace. Only writes wait for it.

import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { ask, repeat } from './support/troubles.ts';

const delayMicroseconds = 300_000;

test('a slow fsync delays only writes', async () => {
  expect(
    await endure({
      name: 'a slow fsync',
      begin: async (subject) => {
        const inject = `inject=fsync,fdatasync:delay_exit=${delayMicroseconds}`;
        const strace = spawn(
          'strace',
          ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-e', inject, '-o', '/dev/null', '-p', String(subject.pid)],
          {
            stdio: ['ignore', 'ignore', 'inherit'],
          },
        );
        const exited = once(strace, 'exit');
        const stopWriting = repeat(4, (index) =>
          ask(
            subject,
            `mutation { createToken(input: { role: PULL, name: "writer ${index}", expiresIn: "1h" }) { errors { message } } }`,
          ),
        );
        return async () => {
          strace.kill('SIGINT');
          await exited;
          await stopWriting();
        };
      },
    }),
  ).toEqual([]);
});
