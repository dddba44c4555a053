// A password that is changed at its registry without notice, under three replicas and twenty pullers: one of all tries it, so that no account is locked.

import { createHash } from 'node:crypto';
import type { RequestListener, ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFakeServer } from './support/fake-servers.ts';
import { type Operations, operationsOn, registryOf } from './support/operations.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { basicAuthorization, getManifest } from './support/raw-pull.ts';
import { type Replicas, startReplicas } from './support/replicas.ts';

const pullers = 20;
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: {}, layers: [] }));
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;

let database: PostgresServer;
let replicas: Replicas;
let operations: Operations;

beforeAll(async () => {
  database = await startPostgres();
  replicas = await startReplicas(database.url, {}, 3);
  operations = operationsOn(replicas);
});

afterAll(async () => {
  await replicas?.stop();
  await database?.stop();
});

interface CountingRegistry {
  readonly host: string;
  /** Logins with a password that is not accepted, so far. */
  badLogins(): number;
  setPassword(password: string): void;
  stop(): Promise<void>;
}

/** As docker-registry behaves with htpasswd, or with a token server whose tokens end with the password. An answer takes a moment, as in a network. */
async function startCountingRegistry(scheme: 'Basic' | 'Bearer'): Promise<CountingRegistry> {
  let password = 'before';
  let bad = 0;
  const answerMs = 20;
  const send = (response: ServerResponse, status: number, body: string | Buffer, headers = {}) =>
    setTimeout(
      () => response.writeHead(status, { 'docker-distribution-api-version': 'registry/2.0', ...headers }).end(body),
      answerMs,
    );
  const isPassword = (authorization: string) => {
    const isRight = authorization === `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
    if (!isRight) bad += 1;
    return isRight;
  };
  const listener: RequestListener = ({ url = '', headers: { authorization, host } }, response) => {
    const realm = scheme === 'Basic' ? 'Basic realm="r"' : `Bearer realm="http://${host}/token",service="r"`;
    const challenge = () => void send(response, 401, '{}', { 'www-authenticate': realm });
    if (url.startsWith('/token')) {
      const isIn = authorization !== undefined && isPassword(authorization);
      return void send(response, isIn ? 200 : 401, JSON.stringify({ token: `token-of-${password}`, expires_in: 300 }));
    }
    if (authorization === undefined) return challenge();
    const isIn = scheme === 'Basic' ? isPassword(authorization) : authorization === `Bearer token-of-${password}`;
    if (!isIn) return challenge();
    const type = 'application/vnd.oci.image.manifest.v1+json';
    return void send(response, 200, url.includes('/manifests/') ? manifest : '{}', {
      'content-type': type,
      'docker-content-digest': digest,
    });
  };
  const server = await startFakeServer(listener);
  return {
    host: server.host,
    stop: () => server.stop(),
    badLogins: () => bad,
    setPassword(next) {
      password = next;
    },
  };
}

/** Pulls through every replica in turn, all at once. @param repositoryOf the repository of each puller. */
async function pullAtOnce(host: string, repositoryOf: (index: number) => string): Promise<number[]> {
  return Promise.all(
    Array.from({ length: pullers }, async (_, index) => {
      const { status } = await getManifest({
        server: replicas.servers[index % replicas.servers.length]?.url ?? '',
        upstream: host,
        repository: repositoryOf(index),
        authorization: basicAuthorization(replicas.firstToken()),
      });
      return status;
    }),
  );
}

test.each([
  ['Basic', 'one repository', () => 'team/app'],
  ['Basic', 'a repository each', (index: number) => `team/app-${index}`],
  ['Bearer', 'one repository', () => 'team/app'],
  ['Bearer', 'a repository each', (index: number) => `team/app-${index}`],
] as const)('costs at most two bad logins by %s, with %s', async (scheme, _which, repositoryOf) => {
  const registry = await startCountingRegistry(scheme);
  const input = { registry: registry.host, username: 'alice', password: 'before' };
  const { id } = registryOf(await operations.create(input, { secureConnection: false, validate: true }));
  // Every replica knows the way in, and uses the password.
  expect(new Set(await pullAtOnce(registry.host, repositoryOf))).toEqual(new Set([200]));
  expect(registry.badLogins()).toBe(0);

  registry.setPassword('after');
  expect(new Set(await pullAtOnce(registry.host, repositoryOf))).toEqual(new Set([403]));
  expect(new Set(await pullAtOnce(registry.host, repositoryOf))).toEqual(new Set([403]));
  console.info(`${scheme}: ${registry.badLogins()} bad logins by ${2 * pullers} pulls`);
  expect(registry.badLogins()).toBeGreaterThan(0);
  expect(registry.badLogins()).toBeLessThanOrEqual(2);

  // The new password is used by every replica at once.
  const update = await operations.update(id, { password: 'after' }, { secureConnection: false, validate: true });
  expect(update.errors).toEqual([]);
  expect(new Set(await pullAtOnce(registry.host, repositoryOf))).toEqual(new Set([200]));
  expect(registry.badLogins()).toBeLessThanOrEqual(2);
  await registry.stop();
});
