// Access to pulls: every kind of caller against every kind of repository, with bare requests and with skopeo.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiToken, loginWith, revokeApiToken } from './support/api-tokens.ts';
import { withDatabase } from './support/database.ts';
import { writeImage } from './support/images.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { startPullClient } from './support/pull-clients.ts';
import { basicAuthorization, getManifest, pullAll } from './support/raw-pull.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';
import { startUpstreams } from './support/upstreams.ts';
import type { Upstreams, UpstreamUser } from './support/upstreams.ts';

const alice: UpstreamUser = { username: 'alice', password: 'password-of-alice', rights: { 'team-a/': ['pull'] } };
const bob: UpstreamUser = { username: 'bob', password: 'password-of-bob', rights: { 'team-b/': ['pull'] } };

/** Alice's and bob's registries cover the first two; the third is public; no credential gives access to the last. */
const repositories = ['team-a/app', 'team-b/app', 'public/app', 'team-c/app'] as const;

/** The status of a pull for each of the repositories. */
const table = {
  'an ADMIN': [200, 200, 200, 403],
  'a READ_WRITE': [200, 200, 200, 403],
  'a PULL': [200, 200, 200, 403],
  'a PULL limited to team-a/*': [200, 403, 403, 403],
  'a PULL limited to team-b/app and public/*': [403, 200, 200, 403],
  'a PULL limited to another host': [403, 403, 403, 403],
  'a READ_ONLY': [403, 403, 403, 403],
  'a PULL of another account': [403, 403, 200, 403],
  'a revoked ADMIN': [401, 401, 401, 401],
  'an unknown token': [401, 401, 401, 401],
  'a text that is no token': [401, 401, 401, 401],
  nobody: [401, 401, 401, 401],
} as const satisfies Record<string, readonly number[]>;

type Caller = keyof typeof table;

const cells = (Object.keys(table) as Caller[]).flatMap((caller) =>
  repositories.map((repository, index) => [caller, repository, table[caller][index] ?? 0] as const),
);

let upstreams: Upstreams;
let server: RegwayServer;
let tokens: Readonly<Record<Caller, string | null>>;

beforeAll(async () => {
  upstreams = await startUpstreams([alice, bob]);
  const image = writeImage(join(upstreams.directory, 'image'));
  for (const repository of repositories) {
    await upstreams.push(image, repository);
  }
  server = await startServer({ settings: { REGWAY_CA_FILE: upstreams.authority.certificateFile } });
  const operations = operationsOn(server);
  for (const [user, path] of [
    [alice, '/team-a/*'],
    [bob, '/team-b/*'],
  ] as const) {
    registryOf(await operations.create(upstreams.input('token', user, path), upstreams.settings('token')));
  }
  tokens = await createTokens();
});

afterAll(async () => {
  await server?.stop();
  await upstreams?.stop();
});

describe('by bare request', () => {
  test.each(cells)(
    '%s who pulls %s gets %i, whether the token comes as a password or as a bearer',
    async (caller, repository, status) => {
      const token = tokens[caller];
      for (const authorization of token === null ? [null] : [basicAuthorization(token), `Bearer ${token}`]) {
        const before = upstreams.tokenServer.requests().length;
        const {
          status: actual,
          codes,
          headers,
        } = await pullAll({ server: server.url, upstream: upstreams.token.host, repository, authorization });
        expect(actual).toBe(status);
        if (status !== 200) {
          expect(codes).toEqual([status === 401 ? 'UNAUTHORIZED' : 'DENIED']);
          // A challenge with a 403 makes clients log in again.
          expect(headers.has('www-authenticate')).toBe(status === 401);
        }
        if (status === 401) {
          expect(upstreams.tokenServer.requests()).toHaveLength(before);
        }
      }
    },
  );
});

describe('by skopeo, which requests a token first', () => {
  test.each(cells)('%s who pulls %s gets %i', async (caller, repository, status) => {
    const token = tokens[caller];
    const skopeo = await startPullClient.skopeo();
    const { pulled, output } = await skopeo.pull({
      server: server.url,
      upstream: upstreams.token.host,
      repository,
      login: token === null ? undefined : loginWith(token),
    });
    expect(pulled, output).toBe(status === 200);
  });
});

test('a caller without a right makes no request upstream', async () => {
  const before = upstreams.token.log().length;
  for (const caller of ['a READ_ONLY', 'a PULL limited to another host'] as const) {
    const authorization = basicAuthorization(tokens[caller] ?? '');
    expect(
      await getManifest({
        server: server.url,
        upstream: upstreams.token.host,
        repository: 'team-a/app',
        authorization,
      }),
    ).toMatchObject({ status: 403 });
  }
  expect(upstreams.token.log().slice(before)).toBe('');
});

test('a token of another account never makes the credentials of this one be used', async () => {
  const before = upstreams.tokenServer.requests().length;
  const authorization = basicAuthorization(tokens['a PULL of another account'] ?? '');
  await getManifest({ server: server.url, upstream: upstreams.token.host, repository: 'team-a/app', authorization });
  const usernames = upstreams.tokenServer
    .requests()
    .slice(before)
    .map(({ username }) => username);
  expect(usernames.filter((username) => username !== null)).toEqual([]);
});

test('a token that was revoked pulls nothing more, from the next request on', async () => {
  const token = await createApiToken(server.dataDirectory, { role: 'PULL' });
  const request = {
    server: server.url,
    upstream: upstreams.token.host,
    repository: 'team-a/app',
    authorization: basicAuthorization(token),
  };
  expect(await getManifest(request)).toMatchObject({ status: 200 });
  await revokeApiToken(server.dataDirectory, token);
  expect(await getManifest(request)).toMatchObject({ status: 401 });
});

async function createTokens(): Promise<Record<Caller, string | null>> {
  const { host } = upstreams.token;
  withDatabase(server.dataDirectory, (database) =>
    database.prepare('INSERT INTO account (name, created_at) VALUES (?, 0)').run('another'),
  );
  const make = (options: Parameters<typeof createApiToken>[1]) => createApiToken(server.dataDirectory, options);
  const revoked = await make({ role: 'ADMIN' });
  await revokeApiToken(server.dataDirectory, revoked);
  const known = await make({ role: 'PULL' });
  return {
    'an ADMIN': await make({ role: 'ADMIN' }),
    'a READ_WRITE': await make({ role: 'READ_WRITE' }),
    'a PULL': known,
    'a PULL limited to team-a/*': await make({ role: 'PULL', images: [`${host}/team-a/*`] }),
    'a PULL limited to team-b/app and public/*': await make({
      role: 'PULL',
      images: [`${host}/team-b/app`, `${host}/public/*`],
    }),
    'a PULL limited to another host': await make({ role: 'PULL', images: ['registry.example/team-a/*'] }),
    'a READ_ONLY': await make({ role: 'READ_ONLY' }),
    'a PULL of another account': await make({ role: 'PULL', account: 'another' }),
    'a revoked ADMIN': revoked,
    'an unknown token': await unknownToken(),
    'a text that is no token': 'rgw_but-no-more-than-that',
    nobody: null,
  };
}

/** Well made, checksum and all, by another installation. */
async function unknownToken(): Promise<string> {
  const elsewhere = await startServer();
  const token = elsewhere.firstToken();
  await elsewhere.stop();
  return token;
}
