// Amazon ECR with the built server: an access key that is stored, a password that AWS issues, an image that skopeo pulls with neither.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { json } from '../upstream/cloud/servers.ts';
import { createApiToken, loginWith } from './support/api-tokens.ts';
import { startEcr } from './support/ecr.ts';
import type { LoopbackEcr } from './support/ecr.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import type { Operations } from './support/operations.ts';
import { startPullClient } from './support/pull-clients.ts';
import { pullsIn, refusedLoginsIn } from './support/registry-log.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const lookAlike = `${host}.evil.net`;
const repository = 'team-a/app';
const stored = { id: 'AKIASTOREDSTORED1234', secret: 'Stored/Secret+7fQ2Zk9pX4vLw8RtB1aaaaaaaa' };
const ambient = { id: 'AKIAAMBIENTAMBIENT12', secret: 'Ambient/Secret+Zk9pX4vLw8RtB1aaaaaaaaaaa' };

const withKey = { registry: host, type: 'AWSECR', username: stored.id, password: stored.secret };
const withAmbient = { ...withKey, username: 'awsauto', password: 'awsauto' };

let ecr: LoopbackEcr;
let server: RegwayServer;
let operations: Operations;

beforeAll(async () => {
  ecr = await startEcr({
    host,
    repository,
    keys: { [stored.id]: { secret: stored.secret }, [ambient.id]: { secret: ambient.secret } },
    otherNames: [lookAlike],
  });
  // An identity of the server that no setting allows to use.
  server = await startServer({
    settings: { ...ecr.settings, AWS_ACCESS_KEY_ID: ambient.id, AWS_SECRET_ACCESS_KEY: ambient.secret },
  });
  operations = operationsOn(server);
});

afterAll(async () => {
  await server?.stop();
  await ecr?.stop();
});

describe('an access key of AWS', () => {
  test('that is wrong is refused in the words of AWS, and the registry hears nothing of it', async () => {
    const before = ecr.connections();
    const report = await operations.check({ ...withKey, password: 'Wrong/Secret' });
    expect(report).toMatchObject({
      outcome: 'NATIVE_CREDENTIAL_ERROR',
      message: expect.stringContaining('InvalidSignatureException'),
      hint: expect.stringContaining('secret access key'),
    });
    expect(report.steps.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['TOKEN FAILED']);
    expect(ecr.connections()).toBe(before);
  });

  test('is stored once the registry took the password that AWS issued for it', async () => {
    const { registry, validation } = await operations.create(withKey);
    expect(validation?.outcome).toBe('VALID');
    expect(validation?.steps[0]).toMatchObject({
      kind: 'TOKEN',
      status: 'PASSED',
      message: expect.stringContaining('Amazon ECR issued a login'),
    });
    expect(registry).toMatchObject({ type: 'AWSECR', username: stored.id });
  });

  test('pulls with skopeo, twice with one password', async () => {
    const asked = ecr.asked.length;
    const skopeo = await startPullClient.skopeo();
    const login = loginWith(await createApiToken(server.dataDirectory, { role: 'PULL' }));
    for (let pull = 0; pull < 2; pull += 1) {
      const { pulled, output, digests } = await skopeo.pull({ server: server.url, upstream: host, repository, login });
      expect(pulled, output).toBe(true);
      expect(digests).toEqual(skopeo.expected(ecr.image));
    }
    expect(ecr.asked.length - asked).toBe(1);
    const users = new Set(pullsIn(ecr.registryLog()).map(({ username }) => username));
    expect([...users]).toEqual(['AWS']);
    expect(refusedLoginsIn(ecr.registryLog())).toEqual([]);
  });

  test('is validated again on demand', async () => {
    const registry = await operations.get({ registry: host });
    expect((await operations.validate(registry?.id ?? '')).validation?.outcome).toBe('VALID');
  });

  test('gets a new password at once when it is replaced', async () => {
    const registry = registryOf(
      await operations.update((await operations.get({ registry: host }))?.id ?? '', { password: stored.secret }),
    );
    const skopeo = await startPullClient.skopeo();
    const login = loginWith(await createApiToken(server.dataDirectory, { role: 'PULL' }));
    const { pulled, output } = await skopeo.pull({ server: server.url, upstream: registry.host, repository, login });
    expect(pulled, output).toBe(true);
    expect(refusedLoginsIn(ecr.registryLog())).toEqual([]);
  });
});

describe('a pull by a login that AWS issues', () => {
  const awsError = (code: string, headers: Readonly<Record<string, string>> = {}) => ({
    ...json({ __type: code, message: 'no' }, 400),
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': code, ...headers },
  });
  let token: string;
  const pull = async () => {
    const response = await fetch(`${server.url}/v2/${host}/${repository}/manifests/latest`, {
      headers: {
        authorization: `Basic ${Buffer.from(`puller:${token}`).toString('base64')}`,
        accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
      },
    });
    const text = await response.text();
    const [error] = response.ok ? [] : (JSON.parse(text) as { errors: { code: string }[] }).errors;
    return [response.status, error?.code, response.headers.get('retry-after')];
  };
  const done = [200, undefined, null];
  const outcome = async () => (await operations.get({ registry: host }))?.lastValidation?.outcome;
  /** A changed registry has no cached login. */
  const forgetLogin = async () => {
    const { id } = (await operations.get({ registry: host }))!;
    await operations.update(id, { password: stored.secret });
  };

  beforeAll(async () => {
    token = await createApiToken(server.dataDirectory, { role: 'PULL' });
  });

  test('continues with another one when the registry rejects the cached one, once a minute', async () => {
    expect(await pull()).toEqual(done);
    const asked = ecr.asked.length;
    ecr.endLogins();
    expect(await pull()).toEqual(done);
    expect(ecr.asked.length).toBe(asked + 1);
  });

  test('is 429 with the time of AWS while AWS limits requests, which says nothing about the key', async () => {
    await forgetLogin();
    ecr.failWith(awsError('ThrottlingException', { 'retry-after': '2' }));
    expect(await pull()).toEqual([429, 'TOOMANYREQUESTS', '2']);
    ecr.failWith(undefined);
    await pause(2_000);
    expect([await pull(), await outcome()]).toEqual([done, 'VALID']);
  });

  test('is 503 while AWS is not available', async () => {
    await forgetLogin();
    ecr.failWith({ status: 503, headers: { 'retry-after': '1' }, body: '{}' });
    expect(await pull()).toEqual([503, 'UNAVAILABLE', '1']);
    ecr.failWith(undefined);
    await pause(1_000);
    expect([await pull(), await outcome()]).toEqual([done, 'VALID']);
  });

  test('is 403 when AWS denies the key, as the last validation says until a later one succeeds', async () => {
    await forgetLogin();
    ecr.failWith(awsError('AccessDeniedException'));
    expect((await pull()).slice(0, 2)).toEqual([403, 'DENIED']);
    const { id, lastValidation } = (await operations.get({ registry: host }))!;
    expect(lastValidation).toMatchObject({
      outcome: 'NATIVE_CREDENTIAL_ERROR',
      hint: expect.stringContaining('Allow ecr:GetAuthorizationToken'),
    });
    const asked = ecr.asked.length;
    expect((await pull()).slice(0, 2)).toEqual([403, 'DENIED']);
    expect(ecr.asked.length).toBe(asked);
    ecr.failWith(undefined);
    expect((await operations.validate(id)).validation?.outcome).toBe('VALID');
    expect(await pull()).toEqual(done);
    // The login of the validation is the one of the pull.
    expect(ecr.asked.length).toBe(asked + 1);
  });
});

test('a host that only looks like ECR gets nothing, though its name leads to a registry with a good certificate', async () => {
  const before = [ecr.asked.length, ecr.connections()];
  const report = await operations.check({ ...withKey, registry: lookAlike });
  expect(report).toMatchObject({
    outcome: 'NATIVE_CREDENTIAL_ERROR',
    message: expect.stringContaining('not a registry of Amazon ECR'),
  });
  expect([ecr.asked.length, ecr.connections()]).toEqual(before);
});

test('the identity of the server is not used until the setting allows it', async () => {
  const before = ecr.asked.length;
  const report = await operations.check(withAmbient);
  expect(report).toMatchObject({
    outcome: 'NATIVE_CREDENTIAL_ERROR',
    hint: expect.stringContaining('REGWAY_AWS_AMBIENT'),
  });
  expect(ecr.asked.length).toBe(before);
});

test('the identity of the server opens the registry when the setting allows it', async () => {
  const settings = {
    ...ecr.settings,
    REGWAY_AWS_AMBIENT: 'true',
    AWS_ACCESS_KEY_ID: ambient.id,
    AWS_SECRET_ACCESS_KEY: ambient.secret,
  };
  const other = await startServer({ settings });
  const report = await operationsOn(other).check(withAmbient);
  expect(report.outcome, report.message).toBe('VALID');
  expect(ecr.asked.at(-1)?.headers.authorization).toContain(ambient.id);
  await other.stop();
});

test('neither key nor issued password is in any answer or log line', () => {
  const seen = [server.output(), ...server.answers].join('\n');
  expect(ecr.issued.length).toBeGreaterThan(2);
  for (const secret of [stored.secret, ambient.secret, 'Wrong/Secret', ...ecr.issued])
    expect(seen).not.toContain(secret);
});
