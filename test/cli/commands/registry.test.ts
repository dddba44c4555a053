// `regway registry …` as its own process: against a real server and registries on loopback that count what they receive.

import { describe, expect, it } from 'vitest';
import {
  basicHeader,
  closedPort,
  createCertificate,
  marker,
  startServer,
  type TestServer,
} from '../../upstream/fixtures.ts';
import { basicRegistry, bearerServer } from '../../upstream/personalities.ts';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();
const password = { env: { REGWAY_REGISTRY_PASSWORD: marker } };
const plain = ['--username=alice', '--secure-connection=false'];

describe('registry add', () => {
  it('checks step by step, stores, and prints what was stored', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout, stderr } = await line.run(
      ['registry', 'add', `${registry.host}/team/*`, ...plain, '--name=Team'],
      password,
    );
    expect({ code, steps: stderr.match(/^[✓!✗-] [A-Z]+/gm) }).toEqual({
      code: 0,
      steps: ['- RESOLVE', '✓ CONNECT', '! TLS', '✓ PING', '✓ CHALLENGE', '✓ AUTHORIZE', '✓ VALID'],
    });
    expect(stderr).toMatch(/✓ PING .+ \(\d+ ms\)\n/);
    expect(stdout).toContain(`Registry:   ${registry.host}/team/*\nName:       Team\n`);
    expect(await line.stored()).toContain(`${registry.host}/team/*`);
  });

  it('prints only the ID for -o id', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout } = await line.run(['registry', 'add', registry.host, ...plain, '-o', 'id'], password);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^reg_[0-9a-f]{32}\n$/) as string });
  });

  it('reads the password from standard input, without the line end', async () => {
    const registry = await startServer(basicRegistry);
    expect(
      await line.run(['registry', 'add', registry.host, ...plain, '--password-stdin'], { input: `${marker}\n` }),
    ).toMatchObject({ code: 0 });
    expect(registry.authorizations()).toContain(basicHeader);
  });

  it('stores nothing and exits with status 1 if the validation fails', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout, stderr } = await line.run(['registry', 'add', registry.host, ...plain], {
      env: { REGWAY_REGISTRY_PASSWORD: 'wrong' },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('✗ INVALID_CREDENTIALS');
    expect(stderr).toContain('Hint: Check the username and password');
    expect(registry.authorizations()).toHaveLength(1);
    expect(await line.stored()).not.toContain(registry.host);
  });

  it('sends no password for a registry that is stored already', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, ...plain], password);
    const before = registry.received.length;
    const { code, stderr } = await line.run(['registry', 'add', registry.host.toUpperCase(), ...plain], password);
    expect({ code, asked: registry.received.length - before }).toEqual({ code: 1, asked: 0 });
    expect(stderr).toContain('registry update');
  });

  it('suggests the type of a cloud host, and sets none', async () => {
    const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
    const untyped = await line.run(
      ['registry', 'add', host, '--username=AWS', '--validate=false', '-o', 'json'],
      password,
    );
    expect([untyped.code, (JSON.parse(untyped.stdout) as { type: string }).type]).toEqual([0, 'docker_v2']);
    expect(untyped.stderr).toContain('--type=awsecr');
    const named = await line.run(
      ['registry', 'add', `${host}/team/*`, '--username=AKIA', '--type=awsecr', '--validate=false'],
      password,
    );
    expect([named.code, named.stderr.includes('looks like')]).toEqual([0, false]);
  });

  it('stores unasked with --validate=false', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout } = await line.run(
      ['registry', 'add', registry.host, '--username=alice', '--validate=false'],
      password,
    );
    expect({ code, received: registry.received.length }).toEqual({ code: 0, received: 0 });
    expect(stdout).toContain('SKIPPED');
  });

  it('prints the report with -o json, also if the registry rejects the credential', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout } = await line.run(
      ['registry', 'add', registry.host, '--username=alice', '-o', 'json'],
      password,
    );
    expect({ code, answer: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 1,
      answer: {
        errors: [{ code: 'VALIDATION_FAILED', reason: 'PLAIN_HTTP' }],
        validation: { outcome: 'PLAIN_HTTP', valid: false },
      },
    });
  });
});

describe('the flag that would help', () => {
  it.each<[string, string | undefined, () => Promise<string>]>([
    [
      'TLS_UNTRUSTED',
      '--secure-connection=false',
      async () => (await startServer(basicRegistry, { tls: await createCertificate({}) })).host,
    ],
    ['PLAIN_HTTP', '--secure-connection=false', async () => (await startServer(basicRegistry)).host],
    ['UNREACHABLE', '--validate=false', async () => `127.0.0.1:${await closedPort()}`],
    [
      'NOT_A_V2_REGISTRY',
      undefined,
      async () =>
        (await startServer((_, response) => response.writeHead(404).end(), { tls: await createCertificate({}) })).host,
    ],
  ])('after %s is %s', async (outcome, flag, start) => {
    const host = await start();
    const more = outcome === 'NOT_A_V2_REGISTRY' ? ['--secure-connection=false'] : [];
    const { code, stderr } = await line.run(['registry', 'add', host, '--username=alice', ...more], password);
    expect(code).toBe(1);
    expect(stderr).toContain(`✗ ${outcome}`);
    expect(/Flag: (\S+)/.exec(stderr)?.[1]).toBe(flag);
  });

  it('after FORBIDDEN_REALM names the token server, and works', async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens: TestServer = await startServer(tokenServer, {
      tls: await createCertificate({ addresses: ['127.0.0.2'] }),
      address: '127.0.0.2',
    });
    const { host } = await startServer(registry, { tls: await createCertificate({}) });
    const first = await line.run(['registry', 'add', host, ...plain], password);
    expect({ code: first.code, flag: /Flag: (\S+)/.exec(first.stderr)?.[1] }).toEqual({
      code: 1,
      flag: `--trusted-realm=${tokens.host}`,
    });
    expect(tokens.received).toEqual([]);
    const second = await line.run(['registry', 'add', host, ...plain, `--trusted-realm=${tokens.host}`], password);
    expect(second.stderr).not.toContain('FORBIDDEN_REALM');
  });

  it('is not --validate=false for a check, which stores nothing anyway', async () => {
    const { code, stderr } = await line.run(
      ['registry', 'check', `127.0.0.1:${await closedPort()}`, '--username=alice'],
      password,
    );
    expect(code).toBe(1);
    expect(stderr).not.toContain('Flag:');
  });
});

describe('registry check', () => {
  it('stores nothing, for any outcome', async () => {
    const registry = await startServer(basicRegistry);
    const { code, stdout } = await line.run(['registry', 'check', registry.host, ...plain, '-o', 'json'], password);
    expect({ code, report: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 0,
      report: { outcome: 'VALID', valid: true },
    });
    expect(await line.stored()).not.toContain(registry.host);
  });
});

describe('a stored registry', () => {
  it('is shown, changed, checked again and deleted, by its text or its id', async () => {
    const registry = await startServer(basicRegistry);
    const id = (await line.run(['registry', 'add', registry.host, ...plain, '-o', 'id'], password)).stdout.trim();
    const byId = await line.run(['registry', 'get', id]);
    const byPattern = await line.run(['registry', 'get', registry.host]);
    expect(byId).toEqual(byPattern);
    expect(byId.stdout).toContain(`ID:         ${id}\n`);

    const updated = await line.run([
      'registry',
      'update',
      id,
      '--name=Renamed',
      '--secure-connection=false',
      '-o',
      'json',
    ]);
    expect(JSON.parse(updated.stdout)).toMatchObject({ id, name: 'Renamed', secureConnection: false });
    const unnamed = await line.run(['registry', 'update', id, '--name=', '--secure-connection=false', '-o', 'json']);
    expect(JSON.parse(unnamed.stdout)).toMatchObject({ name: registry.host });

    const validated = await line.run(['registry', 'validate', registry.host]);
    expect(validated).toMatchObject({ code: 0, stderr: expect.stringContaining('✓ VALID') as string });

    expect(await line.run(['registry', 'delete', registry.host])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes') as string,
    });
    expect(await line.stored()).toContain(registry.host);
    expect(await line.run(['registry', 'del', id, '--yes', '-o', 'id'])).toMatchObject({ code: 0, stdout: `${id}\n` });
    expect(await line.run(['registry', 'get', id])).toMatchObject({ code: 1, stdout: '' });
  });

  it('keeps everything when an update does not pass its check, and says how to keep TLS off', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, ...plain], password);
    const { code, stderr } = await line.run(['registry', 'update', registry.host, '--name=New']);
    expect(code).toBe(1);
    expect(stderr).toContain('--secure-connection=false');
    expect(stderr).toContain('This registry was stored without TLS verification');
    expect(stderr).toContain('Nothing was changed.');
    expect((await line.run(['registry', 'get', registry.host])).stdout).toContain(`Name:       ${registry.host}\n`);
  });

  it('gets a new password from the environment', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, ...plain, '--validate=false'], {
      env: { REGWAY_REGISTRY_PASSWORD: 'old' },
    });
    expect(await line.run(['registry', 'validate', registry.host])).toMatchObject({ code: 1 });
    expect(await line.run(['registry', 'update', registry.host, '--secure-connection=false'], password)).toMatchObject({
      code: 0,
    });
    expect(await line.run(['registry', 'validate', registry.host])).toMatchObject({ code: 0 });
  });

  it('stores a new password as pending if the registry does not accept it yet, and says so', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, ...plain], password);
    const rotation = ['registry', 'update', registry.host, '--secure-connection=false', '--rotation=pending'];
    expect(await line.run(rotation, { env: { REGWAY_REGISTRY_PASSWORD: 'next' } })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('The new password is pending') as string,
    });
    expect((await line.run(['registry', 'get', registry.host])).stdout).toMatch(/New password: +pending since 2/);
    expect(JSON.parse((await line.run(['registry', 'get', registry.host, '-o', 'json'])).stdout)).toMatchObject({
      pendingSince: expect.any(String) as string,
      previousUsableUntil: null,
    });
    expect(await line.run(['registry', 'validate', registry.host])).toMatchObject({ code: 0 });
  });

  it('does not wait for a missing password, and rejects an unknown way of rotation', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, ...plain], password);
    const update = ['registry', 'update', registry.host, '--secure-connection=false'];
    expect(await line.run([...update, '--rotation=pending'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('must be passed in the same call') as string,
    });
    expect(await line.run([...update, '--rotation=later'], password)).toMatchObject({ code: 2 });
    expect((await line.run(['registry', 'get', registry.host])).stdout).not.toContain('New password');
  });

  it('does not change its user name without the password', async () => {
    const registry = await startServer(basicRegistry);
    await line.run(['registry', 'add', registry.host, ...plain], password);
    const { code, stderr } = await line.run([
      'registry',
      'update',
      registry.host,
      '--username=bob',
      '--secure-connection=false',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('REGWAY_REGISTRY_PASSWORD');
  });
});

describe('image explain', () => {
  it('names the registry that a pull would use, and why', async () => {
    await line.run(['registry', 'add', 'explained.example/team/*', '--username=alice', '--validate=false'], password);
    const { code, stdout } = await line.run(['image', 'explain', 'explained.example/team/app:1']);
    expect(code).toBe(0);
    expect(stdout).toContain('Registry:  explained.example/team/* (user alice)\n');
    expect(stdout).toMatch(/^yes +explained\.example\/team\/\* +\S/m);
    const anonymous = await line.run(['image', 'explain', 'explained.example/other', '-o', 'json']);
    expect(JSON.parse(anonymous.stdout)).toMatchObject({
      registry: null,
      candidates: [{ registry: 'explained.example/team/*', matched: false }],
    });
    expect(await line.run(['image', 'explain', 'NOT AN IMAGE'])).toMatchObject({ code: 1, stdout: '' });
  });
});
