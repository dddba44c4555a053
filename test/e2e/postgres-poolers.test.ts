// Poolers: the start finds out what each mode of PgBouncer passes on, and a store works with that or is refused with the setting's name.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/database/errors.ts';
import { examineServer } from '../../src/database/postgres/start/examination.ts';
import { openStore, type Store } from '../../src/database/store.ts';
import { migrationsDir } from '../../src/app/paths.ts';
import { type Pgbouncer, startPgbouncer } from './support/pgbouncer.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';

let server: PostgresServer;
let session: Pgbouncer;
let transaction: Pgbouncer;
let roundRobin: Pgbouncer;
beforeAll(async () => {
  server = await startPostgres();
  session = await startPgbouncer(server.url, 30, 'session');
  transaction = await startPgbouncer(server.url, 4, 'transaction');
  roundRobin = await startPgbouncer(server.url, 8, 'transaction', 'server_round_robin = 1\nmin_pool_size = 8');
});
afterAll(async () => {
  await Promise.all([session, transaction, roundRobin].map((pooler) => pooler?.stop()));
  await server?.stop();
});

interface Opened {
  readonly store: Store;
  readonly heard: string[];
  readonly warnings: string[];
}

async function open(url: string, listenUrl?: string): Promise<Opened> {
  const [heard, warnings]: [string[], string[]] = [[], []];
  const log = { info: () => undefined, warn: (_: object, message: string) => warnings.push(message) };
  const store = await openStore({ url, listenUrl, migrationsDir, owned: true, log });
  store.notifications.listen((text) => text !== '' && heard.push(text));
  return { store, heard, warnings };
}

/** Sends from one store until the other hears, because listening begins in the background. */
async function arrives(from: Opened, to: Opened): Promise<boolean> {
  const before = to.heard.length;
  for (let attempt = 0; attempt < 20 && to.heard.length === before; attempt++) {
    from.store.notifications.send(`text ${attempt}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return to.heard.length > before;
}

describe('the examination', () => {
  it.each([
    ['a server', () => server.url, true],
    ['PgBouncer in session mode', () => session.url, true],
    ['PgBouncer in transaction mode', () => transaction.url, false],
    ['PgBouncer in transaction mode, whose connections take turns', () => roundRobin.url, false],
  ])('of %s finds whether LISTEN works', async (_, url, hears) => {
    expect(await examineServer(url(), undefined)).toEqual({ hears, withoutEffect: [] });
  });

  it.each([
    ['a server', () => server.url],
    ['PgBouncer in session mode', () => session.url],
  ])('accepts %s as the address that listens', async (_, listenUrl) => {
    expect(await examineServer(transaction.url, listenUrl())).toMatchObject({ hears: true });
  });

  it('refuses an address that listens and hears nothing, by the name of its setting', async () => {
    await expect(examineServer(transaction.url, roundRobin.url)).rejects.toThrow(
      /does not arrive at REGWAY_DATABASE_LISTEN_URL \(127\.0\.0\.1:\d+\)\. Name the same database there/,
    );
    await expect(examineServer(server.url, server.url.replace('/postgres', '/template1'))).rejects.toThrow(
      /does not arrive at REGWAY_DATABASE_LISTEN_URL/,
    );
  });

  it('names the setting of an address that cannot be reached', async () => {
    const refusal: unknown = await examineServer(transaction.url, 'postgres://u:MARKER@127.0.0.1:1/x').catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(StoreError);
    expect((refusal as Error).message).toMatch(/^No server listens on 127\.0\.0\.1:1 .*REGWAY_DATABASE_LISTEN_URL/);
  });

  it('names a pooler that has no second connection', async () => {
    const single = await startPgbouncer(server.url, 1, 'session', 'query_wait_timeout = 2');
    await expect(examineServer(single.url, undefined)).rejects.toThrow(
      /A first connection was possible; Regway needs several/,
    );
    await single.stop();
  });
});

describe('two replicas', () => {
  it.each([
    ['session mode', () => session.url, undefined],
    ['transaction mode, with an address that listens', () => transaction.url, () => server.url],
  ])('hear each other through %s', async (_, url, listenUrl) => {
    const [first, second] = [await open(url(), listenUrl?.()), await open(url(), listenUrl?.())];
    expect(await arrives(first, second)).toBe(true);
    expect(await arrives(second, first)).toBe(true);
    expect([...first.warnings, ...second.warnings]).toEqual([]);
    await Promise.all([first.store.close(), second.store.close()]);
  });

  it('hear only themselves in transaction mode, and the log says so and names the setting', async () => {
    const [first, second] = [await open(transaction.url), await open(transaction.url)];
    expect(await arrives(first, first)).toBe(true);
    expect(await arrives(first, second)).toBe(false);
    expect(first.warnings).toEqual([expect.stringContaining('set REGWAY_DATABASE_LISTEN_URL')]);
    await Promise.all([first.store.close(), second.store.close()]);
  });
});

it('a transaction has its time-outs on a connection that never got them', async () => {
  const { store } = await open(transaction.url);
  const { openPostgres } = await import('../../src/database/postgres/open.ts');
  const database = openPostgres(transaction.url);
  // What another client of the pooler leaves behind.
  await database.read((queries) => queries.execute('SET statement_timeout = 0'));
  const limits = await database.write(
    async (queries) => (await queries.execute("SELECT current_setting('statement_timeout') AS limit")).rows,
  );
  expect(limits).toEqual([{ limit: '10s' }]);
  await database.close();
  await store.close();
});
