// The image as strict clusters run it: a read-only root, any user without a name or a home, no capabilities, and a keyring of root's that the group reads.

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram, startProgram } from './support/child-process.ts';
import { layOutImage, readImageConfig, runInImage } from './support/image-root.ts';
import { newDataDirectory, startServer } from './support/server.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

/** A user and group that no file of this machine names. */
const stranger = 12_345;
/** In milliseconds. Node and its libraries are copied first. */
const timeoutMs = 180_000;

test(
  'the image serves with a read-only root, as a user without a name, without capabilities, and with a keyring of root and its group',
  async () => {
    const image = readImageConfig();
    expect(image.copies.map(({ to }) => to)).toContain('/app/dist');
    expect(image.command.slice(-2)).toEqual(['/app/dist/regway.js', 'serve']);
    const data = newDataDirectory();
    const keys = makeTemporaryDirectory('keys');
    const first = await startServer({ dataDirectory: data });
    const token = first.firstToken();
    await first.stop();
    renameSync(join(data, 'keyring'), join(keys, 'keyring'));
    chownSync(join(keys, 'keyring'), 0, stranger);
    chmodSync(join(keys, 'keyring'), 0o440);
    chmodSync(keys, 0o755);
    for (const path of ['', ...readdirSync(data)]) chownSync(join(data, path), stranger, stranger);

    const root = layOutImage(image);
    mkdirSync(join(root, 'probe'));
    chownSync(join(root, 'probe'), stranger, stranger);
    const settings = { REGWAY_LISTEN: '127.0.0.1:0', REGWAY_KEYRING_FILE: '/keys/keyring' };
    const run = (...command: string[]) => runInImage(root, stranger, { data, keys }, image, command, settings);
    const listening = /Regway is listening on (http:\/\/127\.0\.0\.1:\d+)/;
    const server = await startProgram({ ...run(...image.command), ready: [listening], readyTimeoutMs: 90_000 });
    const url = listening.exec(server.stdout())?.[1] ?? '';

    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    for (const line of [
      /^Uid:\s12345\s/m,
      /^Gid:\s12345\s/m,
      /^Groups:\s*$/m,
      /^CapEff:\s0+$/m,
      /^CapPrm:\s0+$/m,
      /^NoNewPrivs:\s1$/m,
    ])
      expect(status).toMatch(line);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const created = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        query: `mutation { createRegistry(input: { registry: "r.example", username: "u", password: "p" }, validate: false) { registry { id } } }`,
      }),
    });
    expect(await created.text()).toContain('reg_');
    expect((await fetch(`${url}/`)).status).toBe(200);

    const inside = async (...command: string[]) => await runProgram(run(...command));
    const [node, ...rest] = image.healthCheck;
    const check = rest.map((part) => part.replace('http://127.0.0.1:4000', url));
    expect(await inside(node ?? '', ...check)).toMatchObject({ code: 0 });
    const tokens = await inside(
      ...image.command.slice(0, -1),
      'token',
      'create',
      '--role=PULL',
      '--account=admin',
      '-o',
      'id',
    );
    expect(tokens).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rgw_/) });
    const written = await inside(
      'node',
      '-e',
      "require('fs').writeFileSync('/tmp/x', 'x'); require('fs').writeFileSync('/probe/x', 'x')",
    );
    expect(written).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("EROFS: read-only file system, open '/probe/x'"),
    });

    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  },
  timeoutMs,
);
