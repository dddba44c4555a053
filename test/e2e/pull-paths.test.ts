// One host with a password for each path (docker-registry behind nginx): what one path refuses says nothing about the credential of another.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createApiToken } from './support/api-tokens.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import type { Operations } from './support/operations.ts';
import { startPathRegistry } from './support/path-registry.ts';
import type { PathRegistry } from './support/path-registry.ts';
import { basicAuthorization, pullAll } from './support/raw-pull.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

const alice = { username: 'alice', password: 'password-of-alice' };
const bob = { username: 'bob', password: 'password-of-bob' };
const wrong = { username: 'alice', password: 'not-her-password' };

describe.each([
  ['accepts every user', 'ANY'],
  ['is not passed', 'ABSENT'],
] as const)('where /v2/ %s', (_what, base) => {
  let registry: PathRegistry;
  let server: RegwayServer;
  let operations: Operations;
  let token: string;

  beforeAll(async () => {
    registry = await startPathRegistry({ base, paths: { 'team-a': alice, 'team-b': bob } });
    server = await startServer({ settings: { REGWAY_CA_FILE: registry.authority.certificateFile } });
    operations = operationsOn(server);
    token = await createApiToken(server.dataDirectory, { role: 'PULL' });
  });

  afterAll(async () => {
    await server?.stop();
    await registry?.stop();
  });

  afterEach(async () => {
    for (const { id } of (await operations.list()).nodes) await operations.delete(id);
  });

  const pull = async (repository: string) => {
    const authorization = basicAuthorization(token);
    const { status, codes } = await pullAll({ server: server.url, upstream: registry.host, repository, authorization });
    return [status, ...codes].join(' ');
  };
  const outcomeOf = async (id: string) => (await operations.get({ id }))?.lastValidation?.outcome;

  test.each([
    ['the right password', alice, 'team-a/app', 'VALID'],
    [
      'the right password of another path',
      alice,
      'team-b/app',
      base === 'ANY' ? 'INSUFFICIENT_SCOPE' : 'INVALID_CREDENTIALS',
    ],
    ['a wrong password', wrong, 'team-a/app', 'INVALID_CREDENTIALS'],
  ])('%s is checked against the path', async (_case, login, probeRepository, outcome) => {
    const input = { registry: registry.host, ...login, probeRepository };
    expect(await operations.check(input)).toMatchObject({ outcome });
  });

  test('each path is pulled with its own credential', async () => {
    for (const [login, path] of [
      [alice, 'team-a'],
      [bob, 'team-b'],
    ] as const)
      registryOf(await operations.create({ registry: `${registry.host}/${path}/app`, ...login }));
    const before = registry.requests().length;
    expect([await pull('team-a/app'), await pull('team-b/app')]).toEqual(['200', '200']);
    const users = (path: string) =>
      new Set(
        registry
          .requests()
          .slice(before)
          .flatMap((line) => (line.includes(` /v2/${path}/`) ? [line.split(' ')[2]] : [])),
      );
    expect([users('team-a').has('bob'), users('team-b').has('alice')]).toEqual([false, false]);
  });

  test('a path that refuses the credential of the host is refused alone: other pulls go on, and nothing is recorded', async () => {
    const { id } = registryOf(
      await operations.create({ registry: registry.host, ...alice, probeRepository: 'team-a/app' }),
    );
    const answers: string[] = [];
    for (const repository of ['team-a/app', 'team-b/app', 'team-a/app', 'team-b/app', 'team-a/absent', 'team-a/app'])
      answers.push(await pull(repository));
    expect(answers).toEqual(['200', '403 DENIED', '200', '403 DENIED', '404 MANIFEST_UNKNOWN', '200']);
    expect(await outcomeOf(id)).toBe('VALID');
  });

  test('a wrong password is refused as what it is, and sent once to each place that asks for it', async () => {
    const { id } = registryOf(
      await operations.create({ registry: `${registry.host}/team-a/app`, ...wrong }, { validate: false }),
    );
    const before = registry.requests().length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => pull('team-a/app')));
    expect(new Set(answers)).toEqual(new Set(['403 DENIED']));
    expect(await outcomeOf(id)).toBe('INVALID_CREDENTIALS');
    const sent = registry
      .requests()
      .slice(before)
      .filter((line) => line.endsWith(' alice'));
    expect(sent.length).toBeLessThanOrEqual(base === 'ANY' ? 2 : 1);
  });

  test('there is no token to issue', async () => {
    registryOf(await operations.create({ registry: `${registry.host}/team-a/app`, ...alice }));
    const document = `mutation { createPullToken(image: "${registry.host}/team-a/app:latest") { token errors { code reason } } }`;
    const { body } = await server.graphql(document);
    expect(body.data).toEqual({
      createPullToken: { token: null, errors: [{ code: 'UPSTREAM_FAILED', reason: 'NO_TOKENS' }] },
    });
  });
});
