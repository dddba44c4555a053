// Pulls and creates over HTTP while the database is a network away: 30 writers, three pullers, a server with a real PostgreSQL behind a delay.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFakeServer } from './support/fake-servers.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { basicAuthorization, getManifest } from './support/raw-pull.ts';
import { type Relay, startRelay } from './support/relay.ts';
import { type RegwayServer, startServer } from './support/server.ts';

const writers = 30;
const pullers = 3;
const lastsMs = 4_000;
/** Writers, pullers, relay, database, and server share two cores here, and a machine of others has even less for each. The figures are printed. */
const slack = process.env['CI'] === undefined ? 2 : 3;
const manifest = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] });
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

let database: PostgresServer;
let relay: Relay;
let server: RegwayServer;
let upstream: Awaited<ReturnType<typeof startFakeServer>>;

beforeAll(async () => {
  database = await startPostgres();
  relay = await startRelay(database.url);
  server = await startServer({ settings: { REGWAY_DATABASE_URL: relay.url } });
  upstream = await startFakeServer((request, response) =>
    request.url === '/v2/'
      ? response.end('{}')
      : response.writeHead(200, { 'content-type': manifestType }).end(manifest),
  );
  await create(upstream.host, false);
});
afterAll(async () => {
  await server?.stop();
  await relay?.[Symbol.asyncDispose]();
  await database?.stop();
  await upstream?.stop();
});

const mutation =
  'mutation ($input: CreateRegistryInput!, $secureConnection: Boolean!) { createRegistry(input: $input, secureConnection: $secureConnection, validate: false) { registry { id } errors { message } } }';

async function create(registry: string, secureConnection = true): Promise<void> {
  const { body } = await server.graphql(mutation, {
    input: { registry, username: 'alice', password: 'p' },
    secureConnection,
  });
  expect(body.data).toMatchObject({ createRegistry: { errors: [] } });
}

let names = 0;

/** Returns the median time of a pull in milliseconds, and the creates per second. */
async function measure(writing: number): Promise<{ readonly pullMs: number; readonly createsPerSecond: number }> {
  const startedAt = performance.now();
  const isOver = () => performance.now() > startedAt + lastsMs;
  const times: number[] = [];
  let created = 0;
  const puller = async () => {
    const authorization = basicAuthorization(server.firstToken());
    while (!isOver()) {
      const before = performance.now();
      const answer = await getManifest({
        server: server.url,
        upstream: upstream.host,
        repository: 'team/app',
        authorization,
      });
      expect(answer.status).toBe(200);
      times.push(performance.now() - before);
    }
  };
  const writer = async () => {
    for (; !isOver(); created += 1) await create(`host-${(names += 1)}.example`);
  };
  await Promise.all([...Array.from({ length: pullers }, puller), ...Array.from({ length: writing }, writer)]);
  const seconds = (performance.now() - startedAt) / 1000;
  const sorted = times.toSorted((one, other) => one - other);
  return { pullMs: sorted[Math.floor(sorted.length / 2)] ?? Infinity, createsPerSecond: created / seconds };
}

test('with 5 ms between server and database and 30 writers, the median of pulls at most doubles', async () => {
  relay.delay = { toDatabaseMs: 2.5, toClientMs: 2.5 };
  await measure(1);
  const quiet = await measure(0);
  const busy = await measure(writers);
  console.log(
    `pulls: ${quiet.pullMs.toFixed(1)} ms, with ${writers} writers ${busy.pullMs.toFixed(1)} ms; ${busy.createsPerSecond.toFixed(0)} creates a second`,
  );
  expect(busy.pullMs).toBeLessThanOrEqual(quiet.pullMs * 2 * slack);
});

test('with 10 ms more, at least 92 registries are created in a second', async () => {
  relay.delay = { toDatabaseMs: 5, toClientMs: 5 };
  const { pullMs, createsPerSecond } = await measure(writers);
  console.log(`${createsPerSecond.toFixed(0)} creates a second, and pulls of ${pullMs.toFixed(1)} ms beside them`);
  expect(createsPerSecond).toBeGreaterThanOrEqual(92 / slack);
});
