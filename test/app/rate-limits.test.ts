// Tests the rate limits as the server wires them: all APIs share one limit of validations and one count of failed logins.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFakeServer, type FakeServer } from '../e2e/support/fake-servers.ts';
import { startServer, type RegwayServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';

let server: RegwayServer;
let registry: FakeServer;

beforeAll(async () => {
  await ensureBuilt();
  registry = await startFakeServer((request, response) => {
    response
      .writeHead(request.headers.authorization === undefined ? 401 : 200, {
        'www-authenticate': 'Basic realm="test"',
        'docker-distribution-api-version': 'registry/2.0',
      })
      .end('{}');
  });
  server = await startServer({
    settings: { REGWAY_VALIDATIONS_PER_MINUTE: '4', REGWAY_FAILED_LOGINS_PER_MINUTE: '4', REGWAY_LOG_LEVEL: 'warn' },
  });
});

afterAll(async () => {
  await server.stop();
  await registry.stop();
});

const send = (path: string, init: RequestInit) => fetch(`${server.url}${path}`, init);
const json = (authorization: string) => ({ 'content-type': 'application/json', authorization });

it('GraphQL, subscriptions, and REST share one limit of validations', async () => {
  const bearer = `Bearer ${server.firstToken()}`;
  const input = `input: { registry: "${registry.host}", username: "u", password: $password }, secureConnection: false`;
  const variables = { password: 'hunter2' };
  const aliases = await server.graphql(
    `mutation ($password: Secret!) { ${Array.from({ length: 3 }, (_, index) => `a${index}: checkRegistry(${input}) { validation { outcome } errors { code } }`).join(' ')} }`,
    variables,
  );
  expect(JSON.stringify(aliases.body.data).match(/VALID/g)).toHaveLength(3);
  const stream = await send('/graphql', {
    method: 'POST',
    headers: { ...json(bearer), accept: 'text/event-stream' },
    body: JSON.stringify({
      query: `subscription ($password: Secret!) { registryCheck(${input}) { report { outcome } } }`,
      variables,
    }),
  });
  expect(await stream.text()).toContain('"outcome":"VALID');
  const before = registry.requestCount();

  const body = {
    registry: registry.host,
    registry_user: 'u',
    registry_pass: 'hunter2',
    registry_type: 'docker_v2',
    registry_verify: false,
  };
  const rest = await send('/api/v2/registries?validate=true', {
    method: 'POST',
    headers: json(bearer),
    body: JSON.stringify(body),
  });
  expect([rest.status, Number(rest.headers.get('retry-after'))]).toEqual([429, expect.closeTo(31, -2)]);
  const mutation = await server.graphql(
    `mutation ($password: Secret!) { createRegistry(${input}) { registry { id } errors { code message retryAfter } } }`,
    variables,
  );
  expect(mutation.body.data).toMatchObject({
    createRegistry: {
      registry: null,
      errors: [
        {
          code: 'RATE_LIMITED',
          message: expect.stringMatching(/Try again in \d+ seconds?\./),
          retryAfter: expect.stringMatching(/^20/),
        },
      ],
    },
  });
  const refused = await send('/graphql', {
    method: 'POST',
    headers: { ...json(bearer), accept: 'text/event-stream' },
    body: JSON.stringify({
      query: `subscription ($password: Secret!) { registryCheck(${input}) { report { outcome } } }`,
      variables,
    }),
  });
  expect(await refused.text()).toMatch(/"code":"RATE_LIMITED".*"retryAfter":"20/);
  expect(registry.requestCount()).toBe(before);
  expect((await server.graphql('{ registries { totalCount } }')).body.data).toEqual({ registries: { totalCount: 0 } });
});

it.each([
  ['in the operation', 'mutation ($password: Secret!)'],
  ['in a fragment', 'mutation ($password: Secret!) { ...F } fragment F on Mutation'],
])('a document with a thousand aliases contacts no registry: %s', async (_where, head) => {
  const before = registry.requestCount();
  const field = `checkRegistry(input: { registry: "${registry.host}", username: "u", password: $password }, secureConnection: false) { errors { code } }`;
  for (const count of [4, 16, 1000]) {
    const document = `${head} { ${Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')} }`;
    const answer = await server.graphql(document, { password: 'hunter2' });
    expect([answer.status, answer.body.data, answer.body.errors?.[0]?.extensions?.code]).toEqual([
      400,
      undefined,
      'LIMIT_EXCEEDED',
    ]);
  }
  expect(registry.requestCount()).toBe(before);
});

it('all APIs share one count of failed logins, and all of them still accept a valid token', async () => {
  const good = server.firstToken();
  const attempts: readonly [api: string, attempt: (token: string) => Promise<Response>][] = [
    [
      'GraphQL',
      (token) =>
        send('/graphql', {
          method: 'POST',
          headers: json(`Bearer ${token}`),
          body: JSON.stringify({ query: '{ principal { subject } }' }),
        }),
    ],
    [
      'REST',
      (token) =>
        send('/api/v2/registries', {
          headers: { authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}` },
        }),
    ],
    [
      'the token endpoint',
      (token) =>
        send('/v2/token?service=regway', {
          headers: { authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}` },
        }),
    ],
    [
      'the token form',
      (token) =>
        send('/v2/token', {
          method: 'POST',
          body: new URLSearchParams({ grant_type: 'password', service: 'regway', username: 'any', password: token }),
        }),
    ],
    ['pulls', (token) => send('/v2/', { headers: { authorization: `Bearer ${token}` } })],
    [
      'the console',
      (token) =>
        send('/session', {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-regway-console': '1' },
          body: JSON.stringify({ token }),
        }),
    ],
  ];
  const statuses = async (token: string) => {
    const seen: [string, number, boolean][] = [];
    for (const [api, attempt] of attempts) {
      const { status, headers } = await attempt(token);
      seen.push([api, status, Number(headers.get('retry-after')) > 0]);
    }
    return seen;
  };
  const first = await statuses('wrong');
  expect(first.map(([, status]) => status)).toEqual([401, 401, 401, 401, 429, 429]);
  expect(await statuses('wrong')).toEqual(attempts.map(([api]) => [api, 429, true]));
  expect(await statuses(good)).toEqual(attempts.map(([api]) => [api, 200, false]));
});
