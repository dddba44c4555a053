// Several servers, sudden ends and clean ones: what was acknowledged stays, and what was begun is finished.

import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createApiToken, revokeApiToken } from './support/api-tokens.ts';
import { pause, runProgram } from './support/child-process.ts';
import { withDatabase } from './support/database.ts';
import { startFakeServer } from './support/fake-servers.ts';
import { durable, fingerprintsOf } from './support/fingerprints.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { executableArguments } from '../support/built.ts';
import { newDataDirectory, projectRoot, serverEnvironment, startServer } from './support/server.ts';

/** Enough to hit a write in flight with near certainty; each round needs about a second. */
const killRounds = 10;
const writers = 4;

/** In milliseconds. Far more than an idle server needs to stop, and half of the time that it grants requests in flight. */
const endAfterAnswerMs = 5_000;

let dataDirectory: string;

beforeEach(() => {
  dataDirectory = newDataDirectory();
});

test('of three servers that start at once on an empty data directory one serves, and the others exit with status 78 and say why', async () => {
  const starts = await Promise.allSettled([1, 2, 3].map(() => startServer({ dataDirectory })));
  const refusals = starts.flatMap((start) => (start.status === 'rejected' ? [String(start.reason)] : []));
  expect(refusals).toHaveLength(2);
  for (const refusal of refusals) {
    expect(refusal).toContain('did not come up');
    expect(refusal).toContain(`Another process serves the database file ${join(dataDirectory, 'regway.db')} already`);
    expect(refusal).not.toContain('#token=');
  }
  const [server] = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const operations = operationsOn(server!);
  const { id } = registryOf(
    await operations.create({ registry: 'registry.example', username: 'u', password: 'p' }, { validate: false }),
  );

  const late = await runProgram({
    command: process.execPath,
    args: executableArguments('serve'),
    env: serverEnvironment(dataDirectory),
    cwd: projectRoot,
  });
  expect({ code: late.code, stdout: late.stdout }).toEqual({ code: 78, stdout: '' });
  expect((await operations.list()).nodes.map((node) => node.id)).toEqual([id]);
  await server?.stop();
  expect(withDatabase(dataDirectory, (database) => database.pragma('integrity_check', { simple: true }))).toBe('ok');
});

test('a signal of another process of this machine opens no inspector, which would show the memory and with it every password', async () => {
  const server = await startServer({ dataDirectory });
  process.kill(server.pid, 'SIGUSR1');
  await pause(500);
  expect(server.output()).not.toMatch(/debugger/i);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  await server.stop();
});

test('the next server starts at once when the one before was killed', async () => {
  const first = await startServer({ dataDirectory });
  await first.kill();
  const second = await startServer({ dataDirectory });
  expect((await operationsOn(second, first.firstToken()).list()).totalCount).toBe(0);
  await second.stop();
});

test('a database that a newer version migrated prevents startup with status 78 and keeps every byte, its log included', async () => {
  const server = await startServer({ dataDirectory });
  registryOf(
    await operationsOn(server).create(
      { registry: 'registry.example', username: 'u', password: 'p' },
      { validate: false },
    ),
  );
  withDatabase(dataDirectory, (database) =>
    database.exec(`INSERT INTO schema_migration (tag, hash, applied_at) VALUES ('9999_later', 'x', 0)`),
  );
  await server.kill();
  const before = durable(fingerprintsOf(dataDirectory));
  expect(Object.keys(before)).toContainEqual(expect.stringMatching(/-wal$/));
  const { code, stdout, stderr } = await runProgram({
    command: process.execPath,
    args: executableArguments('serve'),
    env: serverEnvironment(dataDirectory),
    cwd: projectRoot,
  });
  expect(code, stdout + stderr).toBe(78);
  expect(stdout + stderr).toContain('The database is newer than this program');
  expect(durable(fingerprintsOf(dataDirectory))).toEqual(before);
});

test('a second start prints no token', async () => {
  const first = await startServer({ dataDirectory });
  await first.stop();
  const second = await startServer({ dataDirectory });
  await second.stop();
  expect([first, second].map((server) => server.firstLink() !== undefined)).toEqual([true, false]);
});

test('kill -9 during writes loses no registry that was acknowledged, and each has its audit event', async () => {
  const acknowledged: string[] = [];
  let token: string | undefined;
  for (let round = 0; round < killRounds; round++) {
    const server = await startServer({ dataDirectory });
    token ??= server.firstToken();
    const operations = operationsOn(server, token);
    const killed = new AbortController();
    const write = async (writer: number) => {
      for (let serial = 0; !killed.signal.aborted; serial++) {
        const input = { registry: `r${round}-w${writer}-n${serial}.example`, username: 'u', password: 'p' };
        const answer = await operations.create(input, { validate: false }).catch(() => undefined);
        if (answer?.registry) {
          acknowledged.push(answer.registry.id);
        }
      }
    };
    const writing = Array.from({ length: writers }, (_, writer) => write(writer));
    await pause(100 + Math.random() * 300);
    await server.kill();
    killed.abort();
    await Promise.all(writing);
  }

  expect(acknowledged.length).toBeGreaterThan(killRounds);
  const server = await startServer({ dataDirectory });
  const { totalCount } = await operationsOn(server, token).list();
  await server.stop();
  const stored = withDatabase(dataDirectory, (database) => ({
    integrity: database.pragma('integrity_check', { simple: true }),
    ids: database.prepare('SELECT id FROM registry').pluck().all() as string[],
    audited: database
      .prepare(`SELECT target FROM audit_event WHERE action = 'registry.create'`)
      .pluck()
      .all() as string[],
  }));
  expect(stored.integrity).toBe('ok');
  const known = new Set(stored.ids);
  expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
  expect(totalCount).toBe(stored.ids.length);
  expect(stored.audited.toSorted()).toEqual(stored.ids.toSorted());
});

test('SIGTERM lets a request in flight finish, accepts no new one, and exits with status 0 after the response', async () => {
  let reached = () => {};
  const upstreamReached = new Promise<void>((resolve) => (reached = resolve));
  let release = () => {};
  const slowRegistry = await startFakeServer((request, response) => {
    if (request.headers.authorization !== undefined) {
      response.writeHead(200).end('{}');
      return;
    }
    release = () => response.writeHead(401, { 'www-authenticate': 'Basic realm="slow"' }).end('{}');
    reached();
  });
  const server = await startServer({ dataDirectory });
  const creating = operationsOn(server).create(
    { registry: slowRegistry.host, username: 'u', password: 'p' },
    { secureConnection: false },
  );
  await upstreamReached;
  const stopped = server.stop();
  await pause(300);
  await expect(fetch(`${server.url}/livez`, { headers: { connection: 'close' } })).rejects.toThrow('fetch failed');
  release();
  const created = registryOf(await creating);
  const answeredAt = Date.now();
  await stopped;
  expect(Date.now() - answeredAt).toBeLessThan(endAfterAnswerMs);
  await slowRegistry.stop();
  expect(withDatabase(dataDirectory, (database) => database.prepare('SELECT id FROM registry').pluck().all())).toEqual([
    created.id,
  ]);
});

test('SIGTERM reports "not ready" at once and goes on serving for the delay; a second signal ends it earlier', async () => {
  const server = await startServer({ dataDirectory, settings: { REGWAY_SHUTDOWN_DELAY: '60' } });
  process.kill(server.pid, 'SIGTERM');
  await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status).toBe(503);
  for (let request = 0; request < 5; request++) {
    const { status, headers } = await server.graphql('{ principal { subject } }');
    expect([status, headers.get('connection')]).toEqual([200, 'close']);
  }
  const asked = Date.now();
  await server.stop();
  expect(Date.now() - asked).toBeLessThan(endAfterAnswerMs);
});

test('a token that another process revoked logs in with no request sent afterwards, however many are read together', async () => {
  const server = await startServer({ dataDirectory });
  const tokens = await Promise.all(
    Array.from({ length: 4 }, () => createApiToken(dataDirectory, { role: 'READ_WRITE' })),
  );
  const isLoggedIn = async (token: string) =>
    (await server.graphql('{ principal { subject } }', {}, token)).status === 200;
  const load = { isOn: true };
  const others = Array.from({ length: 16 }, async () => {
    while (load.isOn) await server.graphql('{ registry(registry: "registry.example") { id } }');
  });
  for (const token of tokens) {
    expect(await isLoggedIn(token)).toBe(true);
    await revokeApiToken(dataDirectory, token);
    expect(await Promise.all(Array.from({ length: 8 }, () => isLoggedIn(token)))).toEqual(
      Array.from({ length: 8 }, () => false),
    );
  }
  load.isOn = false;
  await Promise.all(others);
  await server.stop();
});
