// Several hosts and target_session_attrs, on two real PostgreSQL servers; and what a broken connection looks like to a read.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/database/errors.ts';
import { parseAddress } from '../../src/database/postgres/address.ts';
import { openPostgres } from '../../src/database/postgres/open.ts';
import { createPool } from '../../src/database/postgres/pool.ts';
import { connectSql } from '../support/sql.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';

let readOnly: PostgresServer;
let writable: PostgresServer;
beforeAll(async () => {
  [readOnly, writable] = await Promise.all([
    startPostgres(['default_transaction_read_only=on', 'cluster_name=first']),
    startPostgres(['cluster_name=second']),
  ]);
});
afterAll(async () => {
  await readOnly?.stop();
  await writable?.stop();
});

const hostOf = (server: PostgresServer) => new URL(server.url).host;
const addressOf = (hosts: string[], options = '') => `postgres://regway@${hosts.join(',')}/postgres${options}`;

async function reached(url: string): Promise<unknown> {
  const pool = createPool(parseAddress(url), 2);
  try {
    return await pool.use(
      async ({ client }) =>
        (await client.query<{ name: string }>("SELECT current_setting('cluster_name') AS name")).rows[0]?.name,
    );
  } finally {
    await pool.end();
  }
}

describe('of several hosts', () => {
  it.each([
    ['', 'first'],
    ['?target_session_attrs=any', 'first'],
    ['?target_session_attrs=read-write', 'second'],
    ['?target_session_attrs=read-only', 'first'],
    ['?target_session_attrs=primary', 'first'],
    ['?target_session_attrs=prefer-standby', 'first'],
  ])('the first that fits %s is connected to', async (options, name) => {
    expect(await reached(addressOf([hostOf(readOnly), hostOf(writable)], options))).toBe(name);
  });

  it('one that is down is passed over, and one that has no port in its text uses 5432', async () => {
    expect(await reached(addressOf(['127.0.0.1:1', hostOf(writable)]))).toBe('second');
  });

  it.each(['standby', 'read-write'])('none that is %s makes calls STORAGE_UNAVAILABLE', async (attributes) => {
    const database = openPostgres(addressOf([hostOf(readOnly)], `?target_session_attrs=${attributes}`));
    await expect(database.read((queries) => queries.execute('SELECT 1'))).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    await database.close();
  });

  it('the next is connected to once the one in use is lost, and the process continues', async () => {
    const third = await startPostgres(['cluster_name=third']);
    const database = openPostgres(addressOf([hostOf(third), hostOf(writable)], '?target_session_attrs=read-write'));
    const name = () =>
      database.read(
        async (queries) =>
          (await queries.execute<{ name: string }>("SELECT current_setting('cluster_name') AS name")).rows[0]?.name,
      );
    expect(await Promise.all([name(), name(), name()])).toEqual(['third', 'third', 'third']);
    await third.kill();
    await expect.poll(() => name().catch(() => 'none'), { timeout: 20_000 }).toBe('second');
    await database.close();
    await third.stop().catch(() => undefined);
  });

  it('a server that lets none in by this name stops the search', async () => {
    const database = openPostgres(`postgres://stranger@${hostOf(readOnly)},${hostOf(writable)}/postgres`);
    await expect(database.read((queries) => queries.execute('SELECT 1'))).rejects.toBeInstanceOf(StoreError);
    await database.close();
  });
});

describe('a connection', () => {
  it('has its time-outs by SET, and the name regway', async () => {
    const pool = createPool(parseAddress(addressOf([hostOf(writable)])), 1);
    const settings = await pool.use(async ({ client }) =>
      Promise.all(
        ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name'].map(
          async (name) =>
            (await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name])).rows[0]?.value,
        ),
      ),
    );
    await pool.end();
    expect(settings).toEqual(['10s', '5s', '15s', 'regway']);
  });

  it('that breaks while a read waits for its answer is replaced by another; if that breaks too, the read is STORAGE_UNAVAILABLE, never empty', async () => {
    const behind = connectSql(writable.url);
    const database = openPostgres(writable.url);
    const read = (seconds: number) =>
      Promise.allSettled(
        [1, 2, 3].map(() => database.read((queries) => queries.execute(`SELECT pg_sleep(${seconds}), 1 AS one`))),
      );
    const breakAll = async () => {
      const running = () =>
        behind`SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'`;
      await expect.poll(async () => (await running()).length, { timeout: 10_000 }).toBe(3);
      await behind`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'`;
    };
    const answered = read(2);
    await breakAll();
    for (const each of await answered)
      expect(each).toMatchObject({ status: 'fulfilled', value: { rows: [{ one: 1 }] } });
    const refused = read(5);
    await breakAll();
    await breakAll();
    for (const each of await refused)
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_UNAVAILABLE' } });
    expect((await database.read((queries) => queries.execute('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    await database.close();
    await behind.end();
  });

  it.each([
    ['closed before it says anything', (socket: Socket) => socket.destroy()],
    ['closed in the midst of an answer', (socket: Socket) => socket.end(Buffer.from([0x52, 0, 0, 0]))],
    ['answered by no PostgreSQL', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('that is %s is STORAGE_UNAVAILABLE', async (_, answer) => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const database = openPostgres(`postgres://regway@127.0.0.1:${port}/postgres`);
    await expect(database.read((queries) => queries.execute('SELECT 1'))).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    await database.close();
    server.close();
  });
});
