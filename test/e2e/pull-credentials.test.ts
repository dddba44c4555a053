// Tests which stored credential a pull uses, how often Regway logs in to the upstream, and the effects of a changed or wrong password.

import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApiToken, loginWith } from './support/api-tokens.ts';
import { pause } from './support/child-process.ts';
import { writeImage } from './support/images.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import type { Operations } from './support/operations.ts';
import { startPullClient } from './support/pull-clients.ts';
import { basicAuthorization, getManifest, pullAll } from './support/raw-pull.ts';
import type { RawAnswer } from './support/raw-pull.ts';
import { pullsIn, refusedLoginsIn } from './support/registry-log.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';
import { startUpstreams, upstreamNames } from './support/upstreams.ts';
import type { UpstreamName, Upstreams, UpstreamUser } from './support/upstreams.ts';

/** Each has rights on what its credential is stored for, and on nothing else. */
const alice: UpstreamUser = { username: 'alice', password: 'password-of-alice', rights: { 'team-a/app': ['pull'] } };
const bob: UpstreamUser = { username: 'bob', password: 'password-of-bob', rights: { 'team-a/': ['pull'] } };
const carol: UpstreamUser = { username: 'carol', password: 'password-of-carol', rights: { '': ['pull'] } };
const users = [alice, bob, carol];

let upstreams: Upstreams;
let server: RegwayServer;
let operations: Operations;
let token: string;

beforeAll(async () => {
  upstreams = await startUpstreams(users);
  const image = writeImage(join(upstreams.directory, 'image'));
  for (const repository of ['team-a/app', 'team-a/other', 'team-a/app-tools', 'team-b/app']) {
    await upstreams.push(image, repository);
  }
  server = await startServer({ settings: { REGWAY_CA_FILE: upstreams.authority.certificateFile } });
  operations = operationsOn(server);
  token = await createApiToken(server.dataDirectory, { role: 'PULL' });
});

afterAll(async () => {
  await server?.stop();
  await upstreams?.stop();
});

/** Every test makes registries of its own, for which nothing is cached yet. */
beforeEach(async () => {
  upstreams.setUsers(users);
  for (const { id } of (await operations.list()).nodes) {
    await operations.delete(id);
  }
});

describe.each(upstreamNames)('three credentials on the host of the registry "%s"', (name) => {
  beforeEach(async () => {
    for (const [user, path] of [
      [alice, '/team-a/app'],
      [bob, '/team-a/*'],
      [carol, ''],
    ] as const) {
      registryOf(
        await operations.create(upstreams.input(name, user, path), { ...upstreams.settings(name), validate: false }),
      );
    }
  });

  test('are each used for the images that image(reference:) says, by what the upstream logged', async () => {
    const skopeo = await startPullClient.skopeo();
    for (const [repository, user] of [
      ['team-a/app', alice],
      ['team-a/other', bob],
      ['team-a/app-tools', bob],
      ['team-b/app', carol],
    ] as const) {
      const upstream = upstreams[name].host;
      const predicted = (await operations.image(`${upstream}/${repository}:latest`)).registry?.username;
      const before = upstreams[name].log().length;
      const { pulled, output } = await skopeo.pull({
        server: server.url,
        upstream,
        repository,
        login: loginWith(token),
      });
      expect(pulled, output).toBe(true);
      const pulls = pullsIn(upstreams[name].log().slice(before));
      expect(pulls.map(({ kind }) => kind).toSorted()).toEqual(expect.arrayContaining(['blob', 'manifest']));
      expect(new Set(pulls.map(({ username }) => username))).toEqual(new Set([predicted]));
      expect(predicted).toBe(user.username);
    }
  });
});

test('the token server is asked as the owner of the credential, for the repository and the action pull, and nothing wider', async () => {
  registryOf(
    await operations.create(upstreams.input('token', alice, '/team-a/app'), {
      ...upstreams.settings('token'),
      validate: false,
    }),
  );
  registryOf(
    await operations.create(upstreams.input('token', bob, '/team-a/*'), {
      ...upstreams.settings('token'),
      validate: false,
    }),
  );
  const before = upstreams.tokenServer.requests().length;
  expect(await pull('token', 'team-a/app')).toMatchObject({ status: 200 });
  expect(await pull('token', 'team-a/other')).toMatchObject({ status: 200 });
  expect(upstreams.tokenServer.requests().slice(before)).toEqual([
    { method: 'GET', username: alice.username, scopes: ['repository:team-a/app:pull'], accepted: true },
    { method: 'GET', username: bob.username, scopes: ['repository:team-a/other:pull'], accepted: true },
  ]);
});

test('50 pulls at once with cold caches make one token request for each scope', async () => {
  registryOf(
    await operations.create(upstreams.input('token', carol), { ...upstreams.settings('token'), validate: false }),
  );
  const before = upstreams.tokenServer.requests().length;
  const repositories = ['team-a/app', 'team-b/app'] as const;
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => pull('token', repositories[index % 2] ?? '')),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
  const requests = upstreams.tokenServer.requests().slice(before);
  expect(requests.map(({ scopes }) => scopes.join(' ')).toSorted()).toEqual(
    repositories.map((repository) => `repository:${repository}:pull`),
  );
});

describe.each(['basic', 'token'] as const)(
  'when the password changes on the registry "%s" while images are pulled',
  (name) => {
    test('no pull fails that began after updateRegistry had answered', async () => {
      const { id } = registryOf(await operations.create(upstreams.input(name, carol), upstreams.settings(name)));
      const pulling = startPulling(name, 4);
      await pulling.until(20);
      expect(pulling.pulls().map(({ answer }) => answer.status)).not.toContain(403);

      const changed = { ...carol, password: 'another-password-of-carol' };
      upstreams.setUsers([alice, bob, changed]);
      // htpasswd is asked for every request, a token server once for every token.
      if (name === 'basic') {
        await pulling.untilRefused();
      }
      const payload = await operations.update(id, { password: changed.password }, upstreams.settings(name));
      expect(payload).toMatchObject({ errors: [], validation: { outcome: 'VALID' } });
      const updatedAt = performance.now();

      await pulling.until(pulling.pulls().length + 40);
      await pulling.stop();
      const later = pulling.pulls().filter(({ startedAt }) => startedAt > updatedAt);
      expect(later.length).toBeGreaterThan(20);
      expect(later.filter(({ answer }) => answer.status !== 200)).toEqual([]);
      if (name === 'token') {
        expect(upstreams.tokenServer.requests().at(-1)).toMatchObject({ username: carol.username, accepted: true });
      }
    });
  },
);

describe.each(upstreamNames)('a wrong password stored for the registry "%s"', (name) => {
  const wrong = { username: carol.username, password: 'not-the-password-of-carol' };

  test('answers 403 DENIED to every pull, however many at once, and goes upstream once, with one question about itself', async () => {
    const { id } = registryOf(
      await operations.create(upstreams.input(name, wrong), { ...upstreams.settings(name), validate: false }),
    );
    const before = { log: upstreams[name].log().length, tokens: upstreams.tokenServer.requests().length };
    const together = await Promise.all(Array.from({ length: 20 }, async () => pull(name, 'team-a/app')));
    const later = [await pull(name, 'team-a/app'), await pull(name, 'team-b/app')];

    for (const { status, codes, headers } of [...together, ...later]) {
      expect({ status, codes, challenge: headers.get('www-authenticate') }).toEqual({
        status: 403,
        codes: ['DENIED'],
        challenge: null,
      });
    }
    const badLogins =
      name === 'token'
        ? upstreams.tokenServer
            .requests()
            .slice(before.tokens)
            .filter(({ accepted }) => !accepted)
        : refusedLoginsIn(upstreams[name].log().slice(before.log));
    // With a token server, a refusal of the scope is followed by a request without one: is it the credential, or the repository?
    expect(badLogins).toHaveLength(name === 'token' ? 2 : 1);
    expect(await operations.get({ id })).toMatchObject({
      lastValidation: { outcome: 'INVALID_CREDENTIALS', valid: false },
    });
  });

  test('makes skopeo end at once, saying that it was denied', async () => {
    registryOf(await operations.create(upstreams.input(name, wrong), { ...upstreams.settings(name), validate: false }));
    const skopeo = await startPullClient.skopeo();
    const { pulled, output } = await skopeo.pull({
      server: server.url,
      upstream: upstreams[name].host,
      repository: 'team-a/app',
      login: loginWith(token),
    });
    expect(pulled).toBe(false);
    expect(output).toMatch(/denied/i);
  });

  test('is put right by an update, and the next pull succeeds without waiting', async () => {
    const { id } = registryOf(
      await operations.create(upstreams.input(name, wrong), { ...upstreams.settings(name), validate: false }),
    );
    expect(await pull(name, 'team-a/app')).toMatchObject({ status: 403 });
    expect(await operations.update(id, { password: carol.password }, upstreams.settings(name))).toMatchObject({
      errors: [],
    });
    expect(await pull(name, 'team-a/app')).toMatchObject({ status: 200 });
  });
});

test('the credential of a more specific registry that fails is not replaced by that of a broader one', async () => {
  registryOf(await operations.create(upstreams.input('basic', carol), upstreams.settings('basic')));
  const wrong = { username: alice.username, password: 'not-the-password-of-alice' };
  registryOf(
    await operations.create(upstreams.input('basic', wrong, '/team-a/*'), {
      ...upstreams.settings('basic'),
      validate: false,
    }),
  );
  expect(await pull('basic', 'team-a/app')).toMatchObject({ status: 403, codes: ['DENIED'] });
  expect(await pull('basic', 'team-b/app')).toMatchObject({ status: 200 });
});

test('a deleted registry is not used by the next pull, with any cached state', async () => {
  const { id } = registryOf(await operations.create(upstreams.input('token', carol), upstreams.settings('token')));
  expect(await pull('token', 'team-a/app')).toMatchObject({ status: 200 });
  expect(await operations.delete(id)).toMatchObject({ deletedId: id });
  const { status } = await getManifest(request('token', 'team-a/app'));
  expect(status).toBe(403);
});

async function pull(name: UpstreamName, repository: string): Promise<RawAnswer> {
  return pullAll(request(name, repository));
}

function request(name: UpstreamName, repository: string) {
  return { server: server.url, upstream: upstreams[name].host, repository, authorization: basicAuthorization(token) };
}

interface TimedPull {
  readonly startedAt: number;
  readonly answer: RawAnswer;
}

/** Pulls one image again and again, so many at a time, until it is stopped. */
function startPulling(name: UpstreamName, width: number) {
  const pulls: TimedPull[] = [];
  const stopping = new AbortController();
  const one = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      pulls.push({ startedAt, answer: await pull(name, 'team-a/app') });
    }
  };
  const all = Promise.all(Array.from({ length: width }, one));
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      // A pull that rejects ends the wait with its reason.
      await Promise.race([pause(10), all]);
    }
  };
  return {
    pulls: (): readonly TimedPull[] => pulls,
    until: (count: number) => until(() => pulls.length >= count),
    untilRefused: () => until(() => pulls.some(({ answer }) => answer.status === 403)),
    async stop(): Promise<void> {
      stopping.abort();
      await all;
    },
  };
}
