// `regway import`: what it shows, what it stores, and that it guesses nothing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { basicHeader, marker, startServer } from '../../upstream/fixtures.ts';
import { basicRegistry } from '../../upstream/personalities.ts';
import { useCommandLine } from '../harness.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

const line = useCommandLine();
const auth = { auth: basicHeader.slice('Basic '.length) };
const plain = '--secure-connection=false';

function file(document: unknown): string {
  const folder = makeTemporaryDirectory('import');
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify(document));
  return path;
}

describe('import', () => {
  it('shows what it would do, checks each login once, and stores nothing', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout, stderr } = await line.run(['import', file({ auths: { [registry.host]: auth } }), plain]);
    expect({ code, stdout: stdout.split('\n')[0] }).toEqual({
      code: 0,
      stdout: `add    ${registry.host} (user alice)`,
    });
    expect(stdout).toContain('VALID');
    expect(stderr).toBe(
      'Would add 1, change 0, keep 0, reject 0. Nothing was stored. Run again with --apply to store.\n',
    );
    expect(registry.authorizations()).toEqual([basicHeader]);
    expect(await line.stored()).not.toContain(registry.host);
  });

  it('stores with --apply what the registry accepts, and no one else', async () => {
    const registry = await startServer(basicRegistry);
    const other = await startServer(basicRegistry);
    const wrong = { username: 'alice', password: 'wrong' };
    const { code, stdout, stderr } = await line.run([
      'import',
      file({ auths: { [registry.host]: auth, [other.host]: wrong, 'quay.io/core': auth } }),
      plain,
      '--apply',
      '-o',
      'json',
    ]);
    expect({ code, results: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 1,
      results: [
        { key: registry.host, action: 'add', stored: true, validation: { outcome: 'VALID' } },
        { key: other.host, action: 'refuse', stored: false, validation: { outcome: 'INVALID_CREDENTIALS' } },
        { key: 'quay.io/core', action: 'refuse', registry: null, stored: false, validation: null },
      ],
    });
    expect(stdout + stderr).not.toContain(marker);
    expect(registry.authorizations()).toEqual([basicHeader]);
    const stored = await line.stored();
    expect([registry.host, other.host, 'quay.io/core'].map((text) => stored.includes(text))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('a second time changes the stored registries and stores nothing twice', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, '--username=bob', '--validate=false', plain, '--name=Kept'], {
      env: { REGWAY_REGISTRY_PASSWORD: 'x' },
    });
    const path = file({ auths: { [`https://${registry.host}/v2/`]: auth } });
    const planned = await line.run(['import', path]);
    expect(planned).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(
        `change ${registry.host} (user alice): username bob to alice, password`,
      ) as string,
    });
    expect(await line.run(['import', path, '--apply'])).toMatchObject({
      code: 0,
      stderr: 'Added 0, changed 1, kept 0, rejected 0.\n',
    });
    expect((await line.stored()).filter((text) => text === registry.host)).toHaveLength(1);
    const { stdout } = await line.run(['registry', 'get', registry.host, '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'Kept',
      username: 'alice',
      secureConnection: false,
      lastValidation: { outcome: 'VALID' },
    });
  });

  it('accepts a choice for a key with several meanings', async () => {
    const registry = await startServer(basicRegistry);
    const key = `${registry.host}/team`;
    const path = file({ auths: { [key]: auth } });
    expect(await line.run(['import', path, plain, '--apply'])).toMatchObject({ code: 1 });
    expect(registry.received).toEqual([]);
    expect(await line.run(['import', path, plain, '--apply', '--map', `${key}=${key}/*`])).toMatchObject({ code: 0 });
    expect(await line.stored()).toContain(`${key}/*`);
    expect(await line.run(['import', path, '--map', 'nowhere.example=nowhere.example'])).toMatchObject({ code: 2 });
  });

  it('reads its own list of registries back, from standard input: all are kept', async () => {
    await line.run(['registry', 'add', 'kept.example', '--username=alice', '--validate=false'], {
      env: { REGWAY_REGISTRY_PASSWORD: marker },
    });
    const response = await fetch(`${line.server.url}/api/v2/registries`, {
      headers: { authorization: `Bearer ${line.server.firstToken()}` },
    });
    const { code, stdout } = await line.run(['import', '-', '--apply'], { input: await response.text() });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^keep {3}kept\.example \(user alice\)/m);
    const missing = await line.run(['import', '-'], { input: '[{"registry":"new.example","registry_user":"robot"}]' });
    expect(missing).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('regway registry add new.example --username=robot') as string,
    });
  });
});
