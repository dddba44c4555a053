// A proxy in front of PostgreSQL that resets all connections again and again: every answer is right, or an honest 503.

import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startFakeServer } from './support/fake-servers.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { basicAuthorization, getManifest } from './support/raw-pull.ts';
import { type Relay, startRelay } from './support/relay.ts';
import { type RegwayServer, startServer } from './support/server.ts';

const clients = 30;
const resetEveryMs = 150;
const lastsMs = 8_000;

const manifest = JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' });
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;

let database: PostgresServer;
let relay: Relay;
let registry: FakeServer;
let server: RegwayServer;
beforeAll(async () => {
  database = await startPostgres();
  relay = await startRelay(database.url);
  registry = await startFakeServer((request, response) => {
    if (request.headers.authorization === undefined)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end('{}');
    response
      .writeHead(200, {
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'docker-content-digest': digest,
      })
      .end(request.url === '/v2/' ? '{}' : manifest);
  });
  server = await startServer({ settings: { REGWAY_DATABASE_URL: relay.url, REGWAY_LOG_LEVEL: 'silent' } });
});
afterAll(async () => {
  await server?.stop();
  await registry?.stop();
  await relay?.[Symbol.asyncDispose]();
  await database?.stop();
});

test('30 clients get only right answers and honest 503s from GraphQL, REST, and pulls while all connections are reset every 150 ms', async () => {
  const token = server.firstToken();
  const input = { registry: registry.host, username: 'u', password: 'p' };
  const { id } = registryOf(await operationsOn(server).create(input, { secureConnection: false }));
  const basic = basicAuthorization(token);
  const graphql = async () => {
    const { status, body, text } = await server.graphql('query($id: ID) { registry(id: $id) { id } }', { id });
    const [error] = (body.errors ?? []) as readonly { extensions?: Record<string, unknown> }[];
    if (error?.extensions?.['code'] === 'STORAGE_UNAVAILABLE') {
      expect(error.extensions['retryAfter'], text).toMatch(/^\d{4}-/);
      return 503;
    }
    expect([status, (body.data as { registry: unknown }).registry], text).toEqual([200, { id }]);
    return 200;
  };
  const rest = async () => {
    const response = await fetch(`${server.url}/api/v2/registries`, { headers: { authorization: basic } });
    const body: unknown = await response.json();
    if (response.status !== 503) expect([response.status, body]).toMatchObject([200, [{ registry: registry.host }]]);
    else expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    return response.status;
  };
  const pull = async () => {
    const answer = await getManifest({
      server: server.url,
      upstream: registry.host,
      repository: 'a/b',
      authorization: basic,
    });
    if (answer.status !== 503) expect([answer.status, answer.text]).toEqual([200, manifest]);
    else expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    return answer.status;
  };
  const counts = { 200: 0, 503: 0 } as Record<number, number>;
  const end = performance.now() + lastsMs;
  const run = async (ask: () => Promise<number>): Promise<void> => {
    while (performance.now() < end) {
      const status = await ask();
      counts[status] = (counts[status] ?? 0) + 1;
    }
  };
  const resetting = (async () => {
    for (; performance.now() < end; await pause(resetEveryMs)) relay.resetConnections();
  })();
  await Promise.all(Array.from({ length: clients }, (_, index) => run([graphql, rest, pull][index % 3] ?? graphql)));
  await resetting;
  console.log(`answers by status while connections were reset: ${JSON.stringify(counts)}`);
  // How many of each depends on how fast this machine opens a connection.
  expect(Object.keys(counts).every((status) => ['200', '503'].includes(status))).toBe(true);
  expect(counts[200]).toBeGreaterThan(0);
  await expect.poll(() => graphql(), { timeout: 20_000 }).toBe(200);
});
