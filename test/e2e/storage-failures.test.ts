// What operators see of a PostgreSQL server that goes away: one line at once with the driver's code and the place, /readyz with the reason, and metrics that alerts use.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { expressionsOf, metricsIn } from '../support/operations.ts';
import { startPostgres, type PostgresServer } from './support/postgres.ts';
import { newDataDirectory, projectRoot, startServer, type RegwayServer } from './support/server.ts';

let database: PostgresServer;
let server: RegwayServer;
let host: string;

beforeAll(async () => {
  database = await startPostgres();
  const url = new URL(database.url);
  host = url.host;
  url.password = 'hunter2-of-the-database';
  server = await startServer({ settings: { REGWAY_DATABASE_URL: url.href } });
});

afterAll(async () => {
  await server?.stop();
  await database?.stop();
});

const lines = (): Record<string, unknown>[] =>
  server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const readiness = async () => {
  const response = await fetch(`${server.url}/readyz`);
  return { status: response.status, body: (await response.json()) as { checks?: { since: string }[] } };
};

test('the metrics that alerts and the dashboard use exist in a real scrape, of a server on PostgreSQL or on SQLite', async () => {
  const embedded = await startServer({ dataDirectory: newDataDirectory() });
  const scrapes = await Promise.all([server, embedded].map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  await embedded.stop();
  const folder = join(projectRoot, 'src/docs/operations');
  const used = [
    ...expressionsOf(parse(readFileSync(join(folder, 'alerts.yml'), 'utf8'))),
    ...expressionsOf(JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8'))),
  ].flatMap(metricsIn);
  expect(used.length).toBeGreaterThan(40);
  expect(used.filter(({ name }) => !scrapes.join('').includes(`# TYPE ${name} `))).toEqual([]);
  expect(scrapes[0]).toMatch(/^regway_store_pool_connections\{pool="statements",state="idle"\} [1-9]/m);
  expect(scrapes[0]).toMatch(/^regway_store_lock_waits 0$/m);
  expect(scrapes[0]).toMatch(/^regway_key_age_seconds \d/m);
});

test('a database that goes away is reported once at once, in /readyz with since when, and as answering again', async () => {
  await database.crash();
  const ask = () => server.graphql('{ registries(first: 1) { nodes { id } } }');
  for (let index = 0; index < 5; index++) expect((await ask()).text).toContain('STORAGE_UNAVAILABLE');
  const failures = lines().filter(({ msg }) => msg === 'the storage failed');
  expect(failures.length).toBeGreaterThan(0);
  expect(new Set(failures.map(({ code }) => code)).size).toBe(failures.length);
  for (const line of failures)
    expect(line).toMatchObject({ level: 'error', storage: 'postgresql', host, database: 'postgres' });
  expect(failures.map(({ code }) => code)).toContain('ECONNREFUSED');
  const { status, body } = await readiness();
  expect([status, body]).toEqual([
    503,
    { status: 'not ready', checks: [{ check: 'storage', code: 'ECONNREFUSED', since: expect.any(String) as string }] },
  ]);
  expect((await readiness()).body.checks?.[0]?.since).toBe(body.checks?.[0]?.since);
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(
    /^regway_store_failures_total\{code="ECONNREFUSED"\} [1-9]/m,
  );
  await database.start();
  await expect.poll(async () => (await readiness()).status, { timeout: 30_000 }).toBe(200);
  // A line of this level is written some milliseconds later.
  await expect.poll(() => lines().filter(({ msg }) => msg === 'the storage answers again').length).toBe(1);
  expect(server.output()).not.toContain('hunter2');
});
