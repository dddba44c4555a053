// A data directory on a real file system of another machine: sshfs, which needs the Debian packages sshfs and openssh-sftp-server, and /dev/fuse.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runProgram } from '../e2e/support/child-process.ts';
import { executableArguments } from '../support/built.ts';
import { projectRoot, serverEnvironment } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const folder = makeTemporaryDirectory('sshfs');
const [remote, mounted] = [join(folder, 'remote'), join(folder, 'mounted')];

beforeAll(ensureBuilt);

beforeEach(() => {
  for (const path of [remote, mounted]) mkdirSync(path);
  // Replaces ssh: the other side runs on this machine, and the file system does not notice.
  const connection = join(folder, 'connection');
  writeFileSync(connection, '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n');
  chmodSync(connection, 0o700);
  execFileSync('sshfs', ['-o', `ssh_command=${connection}`, `other:${remote}`, mounted]);
});

afterEach(() => void execFileSync('fusermount3', ['-u', mounted]));

test('a data directory on sshfs is refused before a database is made', async () => {
  const { code, stderr } = await runProgram({
    command: process.execPath,
    args: executableArguments('serve'),
    env: serverEnvironment(mounted),
    cwd: projectRoot,
  });
  expect({ code, stderr }).toEqual({
    code: 78,
    stderr: expect.stringContaining('network file system (sshfs)') as string,
  });
  expect(readdirSync(remote).filter((name) => name.startsWith('regway.db'))).toEqual([]);
});
