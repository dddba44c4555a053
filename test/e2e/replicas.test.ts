// Two replicas on one PostgreSQL database: a change by one is effective on the other immediately, and nothing is lost between them.

import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApiToken, revokeApiToken } from './support/api-tokens.ts';
import { runProgram } from './support/child-process.ts';
import { startFakeServer } from './support/fake-servers.ts';
import { writeImage } from './support/images.ts';
import { findMarker, randomMarker } from './support/marker.ts';
import { operationsOn, registryOf, type Operations } from './support/operations.ts';
import { startPostgres, type PostgresServer } from './support/postgres.ts';
import { basicAuthorization, getManifest, pullAll } from './support/raw-pull.ts';
import { startReplicas, type Replicas } from './support/replicas.ts';
import { executableArguments } from '../support/built.ts';
import { projectRoot, serverEnvironment, startServer } from './support/server.ts';
import { startUpstreams, type Upstreams, type UpstreamUser } from './support/upstreams.ts';
import { connectSql, type Sql } from '../support/sql.ts';

const alice = { username: 'alice', password: 'password-of-alice' };
/** Known to the token server, which grants him nothing. */
const bob = { username: 'bob', password: 'password-of-bob' };
const users: readonly UpstreamUser[] = [
  { ...alice, rights: { '': ['pull'] } },
  { ...bob, rights: {} },
];
const repository = 'team-a/app';
const unchecked = { validate: false };
const insecure = { secureConnection: false };
/** Ten for statements and one that listens. */
const maxConnectionsOfReplica = 11;
/** A probe waits two seconds, a call twelve; the rest is for a busy machine. */
const maxReadinessMs = 8_000;
const maxSilenceMs = 25_000;

let database: PostgresServer;
let behind: Sql;
let upstreams: Upstreams;
let registry: Upstreams['basic'];
let replicas: Replicas;
let through: Operations;
let one: Operations;
let other: Operations;

beforeAll(async () => {
  database = await startPostgres();
  behind = connectSql(database.url);
  upstreams = await startUpstreams(users);
  registry = upstreams.basic;
  await upstreams.push(writeImage(join(upstreams.directory, 'image')), repository);
  replicas = await startReplicas(database.url, {
    REGWAY_LOG_LEVEL: 'trace',
    REGWAY_CA_FILE: upstreams.authority.certificateFile,
  });
  through = operationsOn(replicas);
  [one, other] = replicas.servers.map((server) => operationsOn(server, replicas.firstToken())) as [
    Operations,
    Operations,
  ];
});

afterAll(async () => {
  await replicas?.stop();
  await upstreams?.stop();
  await behind?.end();
  await database?.stop();
});

beforeEach(async () => {
  upstreams.setUsers(users);
  for (const { id } of (await through.list()).nodes) await through.delete(id);
});

describe('changes through two replicas at once', () => {
  test('of twenty creates of one pattern one succeeds, and the others get ALREADY_EXISTS', async () => {
    const payloads = await Promise.all(
      Array.from({ length: 20 }, () => through.create({ registry: 'one.example', ...alice }, unchecked)),
    );
    expect(payloads.filter(({ registry: made }) => made !== null)).toHaveLength(1);
    expect(payloads.flatMap(({ errors }) => errors.map(({ code }) => code))).toEqual(Array(19).fill('ALREADY_EXISTS'));
    expect((await through.list()).totalCount).toBe(1);
    expect(Math.min(...replicas.balancer.counts())).toBeGreaterThan(5);
  });

  test.each([
    ['an update', (id: string) => other.update(id, { name: 'the first to write' }, unchecked), 'the first to write'],
    ['a delete', (id: string) => other.delete(id), undefined],
  ])(
    '%s that was written while another replica still checked is not lost: the later writer gets CONFLICT',
    async (_what, meanwhile, name) => {
      const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const slow = await startFakeServer((_request, response) => {
        asked.resolve();
        void held.promise.then(() =>
          response.writeHead(200, { 'docker-distribution-api-version': 'registry/2.0' }).end('{}'),
        );
      });
      const { id } = registryOf(await through.create({ registry: slow.host, ...alice }, { ...unchecked, ...insecure }));
      const late = one.update(id, { name: 'the later writer' }, insecure);
      await asked.promise;
      expect((await meanwhile(id)).errors).toEqual([]);
      held.resolve();
      expect((await late).errors).toMatchObject([{ code: 'CONFLICT' }]);
      expect((await through.get({ id }))?.name).toBe(name);
      await slow.stop();
    },
  );

  test('of updates at once no acknowledged one vanishes without a trace: each has a version of its own', async () => {
    const { id } = registryOf(await through.create({ registry: 'raced.example', ...alice }, unchecked));
    const payloads = await Promise.all(
      Array.from({ length: 40 }, (_, number) => through.update(id, { name: `name ${number}` }, unchecked)),
    );
    const done = payloads.filter(({ errors }) => errors.length === 0);
    expect(new Set(payloads.flatMap(({ errors }) => errors.map(({ code }) => code)))).toEqual(new Set(['CONFLICT']));
    const [row] = await behind`SELECT version, name FROM registry WHERE id = ${id}`;
    expect(row).toMatchObject({ version: 1 + done.length });
    expect(done.map(({ registry: changed }) => changed?.name)).toContain(row?.['name']);
  });
});

describe('access', () => {
  const reads = (token: string) =>
    Promise.all(
      replicas.servers.map(
        async (server) =>
          (await server.graphql('{ principal { role } }', {}, token)).body.errors?.[0]?.extensions?.code ?? 'in',
      ),
    );

  test('a token that was just made is good on every replica, and one that was revoked on none', async () => {
    const token = await createApiToken(replicas.dataDirectory, { role: 'READ_WRITE', settings: replicas.settings });
    expect(await reads(token)).toEqual(['in', 'in']);
    await revokeApiToken(replicas.dataDirectory, token, replicas.settings);
    expect(await reads(token)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
  });

  test('a grant for pulls of one replica is taken by the other, until the token behind it is revoked', async () => {
    registryOf(await through.create({ registry: registry.host, ...alice }, insecure));
    const token = await createApiToken(replicas.dataDirectory, { role: 'PULL', settings: replicas.settings });
    const [giver, taker] = replicas.servers.map(({ url }) => url) as [string, string];
    const scope = `repository:${registry.host.replace(':', '_')}/${repository}:pull`;
    const answer = await fetch(`${giver}/v2/token?service=regway&scope=${encodeURIComponent(scope)}`, {
      headers: { authorization: basicAuthorization(token) },
    });
    const grant = (await answer.json()) as { token: string };
    const pull = () =>
      getManifest({ server: taker, upstream: registry.host, repository, authorization: `Bearer ${grant.token}` });
    expect(await pull()).toMatchObject({ status: 200 });
    await revokeApiToken(replicas.dataDirectory, token, replicas.settings);
    expect(await pull()).toMatchObject({ status: 401 });
  });

  test('a session of the console exists only on its replica, so a balancer must keep a browser there', async () => {
    const headers = { 'content-type': 'application/json', 'x-regway-console': '1' };
    const [opener, stranger] = replicas.servers.map(({ url }) => `${url}/session`) as [string, string];
    const opened = await fetch(opener, {
      method: 'POST',
      headers,
      body: JSON.stringify({ token: replicas.firstToken() }),
    });
    const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
    const principals = await Promise.all(
      [opener, stranger].map(
        async (url) =>
          ((await (await fetch(url, { headers: { ...headers, cookie } })).json()) as { principal: unknown }).principal,
      ),
    );
    expect(principals).toEqual([expect.objectContaining({ role: 'ADMIN' }), null]);
  });
});

describe('pulls', () => {
  const pull = (index: number, upstream: { readonly host: string } = registry) =>
    pullAll({
      server: replicas.servers[index]?.url ?? '',
      upstream: upstream.host,
      repository,
      authorization: basicAuthorization(replicas.firstToken()),
    });

  test('through one replica use the password that was set through the other, from the next pull on', async () => {
    const { id } = registryOf(await one.create({ registry: registry.host, ...alice }, insecure));
    expect(await pull(1)).toMatchObject({ status: 200 });
    const changed = { ...alice, password: 'another-password' };
    registry.setUsers([changed]);
    // The second now holds the credential back; the update through the first ends that too.
    await expect.poll(async () => (await pull(1)).status).toBe(403);
    expect((await one.update(id, { password: changed.password }, insecure)).errors).toEqual([]);
    expect(await pull(1)).toMatchObject({ status: 200 });
  });

  test.each(['basic', 'token'] as const)(
    'through one replica do not use what was deleted through the other, from a registry with %s authentication',
    async (name) => {
      const { id } = registryOf(await one.create(upstreams.input(name, alice), upstreams.settings(name)));
      expect(await pull(1, upstreams[name])).toMatchObject({ status: 200 });
      expect(await one.delete(id)).toMatchObject({ deletedId: id });
      // Without a login, and with TLS: a registry of plain HTTP at a private address is no registry then.
      expect(await pull(1, upstreams[name])).toMatchObject({ status: name === 'basic' ? 503 : 403 });
    },
  );

  test('through one replica do not use a token of the login that was replaced through the other', async () => {
    const { id } = registryOf(await one.create(upstreams.input('token', alice), upstreams.settings('token')));
    expect(await pull(1, upstreams.token)).toMatchObject({ status: 200 });
    const asked = upstreams.tokenServer.requests().length;
    expect(await pull(1, upstreams.token)).toMatchObject({ status: 200 });
    // It is cached, or this would prove nothing.
    expect(upstreams.tokenServer.requests()).toHaveLength(asked);
    expect((await one.update(id, bob, { ...upstreams.settings('token'), ...unchecked })).errors).toEqual([]);
    expect((await pull(1, upstreams.token)).status).not.toBe(200);
    expect(
      upstreams.tokenServer
        .requests()
        .slice(asked)
        .map(({ username }) => username),
    ).toContain(bob.username);
  });
});

describe('the database', () => {
  test('gets no more connections from a replica than the pool has, for any number of callers', async () => {
    const settings = { ...replicas.settings, REGWAY_DATABASE_URL: `${database.url}?application_name=counted` };
    const replica = await startServer({ settings });
    const state = { isAsking: true };
    // Small ones: of large requests a login may let 64 wait.
    const ask = async () => {
      const { status } = await replica.graphql('{ registries(first: 5) { nodes { id } } }', {}, replicas.firstToken());
      expect(status).toBe(200);
    };
    const asking = Promise.all(Array.from({ length: 300 }, ask)).finally(() => {
      state.isAsking = false;
    });
    const counts: number[] = [];
    while (state.isAsking) {
      const [row] =
        await behind`SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'counted'`;
      counts.push(row?.['count'] as number);
    }
    await asking;
    await replica.stop();
    expect(counts.length).toBeGreaterThan(5);
    expect(Math.max(...counts)).toBeGreaterThan(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(maxConnectionsOfReplica);
  });

  test('that hangs is reported by every replica, and is used again when it continues', async () => {
    const readiness = () => Promise.all(replicas.servers.map(async ({ url }) => (await fetch(`${url}/readyz`)).status));
    const { id } = registryOf(await through.create({ registry: 'before.example', ...alice }, unchecked));
    database.hang();
    try {
      const startedAt = performance.now();
      const asking = Promise.all([1, 2, 3, 4].map(() => replicas.graphql('{ registries(first: 1) { nodes { id } } }')));
      // An answer that was on its way at that moment still says that it is ready.
      await expect.poll(readiness, { timeout: maxReadinessMs }).toEqual([503, 503]);
      expect(performance.now() - startedAt).toBeLessThan(2 * maxReadinessMs);
      for (const { text } of await asking) expect(text).toContain('STORAGE_UNAVAILABLE');
      expect(performance.now() - startedAt).toBeLessThan(maxSilenceMs);
    } finally {
      database.resume();
    }
    await expect.poll(readiness, { timeout: 30_000 }).toEqual([200, 200]);
    expect((await through.get({ id }))?.registry).toBe('before.example');
    expect((await through.update(id, { name: 'after' }, unchecked)).errors).toEqual([]);
  });

  const faults: [string, string, string, string][] = [
    [
      'a trigger that fails',
      `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused: %', NEW; END $$; CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON registry FOR EACH ROW EXECUTE FUNCTION fail()`,
      'DROP FUNCTION fail CASCADE',
      'INTERNAL_SERVER_ERROR',
    ],
    [
      'a rule that its values break',
      `ALTER TABLE registry ADD CONSTRAINT short CHECK (length(name) < 3) NOT VALID`,
      'ALTER TABLE registry DROP CONSTRAINT short',
      'INTERNAL_SERVER_ERROR',
    ],
    [
      'a column that is gone',
      'ALTER TABLE registry RENAME COLUMN username TO gone',
      'ALTER TABLE registry RENAME COLUMN gone TO username',
      'INTERNAL_SERVER_ERROR',
    ],
    [
      'a lock that is held for too long',
      'BEGIN; LOCK TABLE registry IN EXCLUSIVE MODE',
      'ROLLBACK',
      'STORAGE_UNAVAILABLE',
    ],
  ];

  test.each(faults)(
    'that fails by %s leaves no value of the statement in any answer or log',
    async (_what, damage, repair, code) => {
      const marker = randomMarker();
      const input = {
        registry: `marked.example/${marker.slice(0, 20).toLowerCase()}`,
        username: marker.replace(':', ''),
        password: marker,
        name: marker,
      };
      const { id } = registryOf(await through.create({ registry: 'before.example', ...alice }, unchecked));
      await behind.unsafe(damage);
      const created = await replicas.graphql(createDocument, { input });
      const updated = await replicas.graphql(updateDocument, {
        id,
        input: { name: marker, username: input.username, password: marker },
      });
      await behind.unsafe(repair);
      for (const { text } of [created, updated]) expect(text).toContain(code);
      const places = new Map([
        ['answers', created.text + updated.text],
        ['output', replicas.output()],
      ]);
      expect(findMarker(marker, places)).toEqual([]);
      expect(findMarker(input.registry.slice('marked.example/'.length), places)).toEqual([]);
      expect(await through.create(input, unchecked)).toMatchObject({ errors: [] });
    },
  );

  test('has one whole audit chain with the events of both replicas', async () => {
    await Promise.all(
      Array.from({ length: 40 }, (_, number) =>
        through.create({ registry: `chained-${number}.example`, ...alice }, unchecked),
      ),
    );
    const verified = await runProgram({
      command: process.execPath,
      args: executableArguments('audit', 'verify'),
      env: serverEnvironment(replicas.dataDirectory, replicas.settings),
      cwd: projectRoot,
    });
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('The audit trail is intact') });
  });
});

const createDocument =
  'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, validate: false) { registry { id } errors { code message } } }';
const updateDocument =
  'mutation ($id: ID!, $input: UpdateRegistryInput!) { updateRegistry(id: $id, input: $input, validate: false) { registry { id } errors { code message } } }';
