// The built executable as a process of its own: its exit codes, its standard input, and a reader that closes the pipe.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { executableArguments } from '../support/built.ts';
import { basicHeader, closedPort, marker, startServer } from '../upstream/fixtures.ts';
import { basicRegistry } from '../upstream/personalities.ts';
import { useCommandLine } from './harness.ts';

const line = useCommandLine();
const list = ['registry', 'list', '-o', 'json'];

describe('the executable', () => {
  it('exits with 0, 1, 2 and 3', async () => {
    expect(await line.execute(list)).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
    expect(await line.execute(list, { env: { REGWAY_TOKEN: 'rgw_wrong' } })).toMatchObject({ code: 1 });
    expect(await line.execute(['registry', 'add', 'registry.example', `--password=${marker}`])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.not.stringContaining(marker) as string,
    });
    const nowhere = { REGWAY_URL: `http://127.0.0.1:${await closedPort()}` };
    expect(await line.execute(list, { env: nowhere })).toMatchObject({ code: 3, stdout: '' });
  });

  it('exits with the code of a command on the data directory', async () => {
    const env = { REGWAY_DATA_DIR: line.server.dataDirectory };
    expect(await line.execute(['verify'], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(await line.execute(['verify'], { env: { REGWAY_DATA_DIR: line.configHome } })).toMatchObject({
      code: 78,
      stdout: '',
    });
  });

  it('reads a password from a pipe, and colors nothing', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout, stderr } = await line.execute(
      ['registry', 'add', registry.host, '--username=alice', '--secure-connection=false', '--password-stdin'],
      { input: `${Buffer.from(basicHeader.slice('Basic '.length), 'base64').toString().slice('alice:'.length)}\n` },
    );
    expect(code, stderr).toBe(0);
    expect(stdout + stderr).not.toContain('\u001B');
  });

  it('exits with 0 and says nothing when the reader of its output closes the pipe', async () => {
    const child = spawn(process.execPath, executableArguments('--help'), { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, complaints }).toEqual({ code: 0, complaints: '' });
  });
});
