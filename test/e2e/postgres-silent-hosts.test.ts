// A host of a list that accepts connections and then says nothing is left for the next one within 15 seconds, wherever it falls silent.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgres } from '../../src/database/postgres/open.ts';
import { examineServer } from '../../src/database/postgres/start/examination.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { startRelay } from './support/relay.ts';

const limitMs = 15_000;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

/** AuthenticationOk and ReadyForQuery. https://www.postgresql.org/docs/15/protocol-message-formats.html */
const loggedIn = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);

/** What a server answers to each message before it falls silent. */
const stages: readonly (readonly [string, string, readonly (string | Buffer)[]])[] = [
  ['before it answers whether it has TLS', 'require', []],
  ['in the midst of the TLS handshake', 'require', ['S']],
  ['after the startup message', 'prefer', ['N']],
  ['after the startup message, without TLS', 'disable', []],
  ['after the login', 'disable', [loggedIn]],
  ['after the login, behind a request for TLS', 'prefer', ['N', loggedIn]],
];

async function startSilent(answers: readonly (string | Buffer)[]) {
  const sockets = new Set<Socket>();
  let hasNoTls = false;
  const silent = createServer((socket) => {
    sockets.add(socket);
    // A client that was told that there is no TLS connects again, without the question.
    const left = hasNoTls ? answers.filter((answer) => answer !== 'N') : [...answers];
    socket
      .on('error', () => undefined)
      .on('data', () => {
        const answer = left.shift();
        if (answer === undefined) return;
        hasNoTls ||= answer === 'N';
        socket.write(answer);
      });
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  return {
    host: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      silent.close();
    },
  };
}

const good = (): string => new URL(server.url).host;
const one = { rows: [{ one: 1 }] };

// They wait, so they wait together.
describe.concurrent.each(stages)('a host that falls silent %s', (_, mode, answers) => {
  // The second host has no TLS, so that a list with `require` would end there: only the time until it is reached counts.
  const reaches = mode === 'require' ? /does not offer TLS/ : undefined;

  it('is left by a call within 15 s, and by the start', async () => {
    await using silent = await startSilent(answers);
    const url = `postgres://regway@${silent.host},${good()}/postgres?sslmode=${mode}`;
    const began = performance.now();
    const database = openPostgres(url);
    const read = database.read((queries) => queries.execute('SELECT 1 AS one'));
    if (reaches === undefined) expect(await read).toMatchObject(one);
    else await expect(read).rejects.toThrow(reaches);
    expect(performance.now() - began).toBeLessThan(limitMs);
    await database.close();
    const examined = examineServer(url, undefined);
    if (reaches === undefined) expect(await examined).toMatchObject({ hears: true });
    else await expect(examined).rejects.toThrow(reaches);
    expect(performance.now() - began).toBeLessThan(2 * limitMs);
  });

  it('is left within 15 s also where the address would wait longer', async () => {
    await using silent = await startSilent(answers);
    const began = performance.now();
    const database = openPostgres(
      `postgres://regway@${silent.host},${good()}/postgres?sslmode=${mode}&connect_timeout=60`,
    );
    const read = database.read((queries) => queries.execute('SELECT 1 AS one'));
    if (reaches === undefined) expect(await read).toMatchObject(one);
    else await expect(read).rejects.toThrow(reaches);
    expect(performance.now() - began).toBeLessThan(limitMs);
    await database.close();
  });
});

it('a host that falls silent under use is left within 15 s', async () => {
  await using relay = await startRelay(server.url);
  const database = openPostgres(`postgres://regway@${new URL(relay.url).host},${good()}/postgres`);
  const read = () => database.read((queries) => queries.execute('SELECT 1 AS one'));
  await Promise.all([read(), read(), read()]);
  relay.hang();
  const began = performance.now();
  await expect.poll(() => read().catch(() => 'none'), { timeout: 2 * limitMs, interval: 200 }).toMatchObject(one);
  expect(performance.now() - began).toBeLessThan(limitMs);
  await database.close();
});
