// A connection that is cut at any byte of an answer: the call is STORAGE_UNAVAILABLE, never empty and never short.

import type { Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres, openPostgresSnapshot } from '../../../src/database/postgres/open.ts';
import { answerTo, standInRows, startStandIn } from './stand-in.ts';

const statement = 'SELECT one FROM anything';

const ways: [string, boolean, (database: Database) => Promise<unknown>][] = [
  [
    'without parameters',
    false,
    async (database) => (await database.read((queries) => queries.execute(statement))).rows,
  ],
  [
    'with parameters',
    true,
    async (database) =>
      (await database.read((queries) => queries.execute(sql`${sql.raw(statement)} WHERE two = ${'x'}`))).rows,
  ],
];

const ends: [string, (socket: Socket) => void][] = [
  ['ends', (socket) => socket.end()],
  ['is reset', (socket) => socket.resetAndDestroy()],
];

describe.each(ends)('a connection that %s', (_, end) => {
  it.each(ways)('at any byte of the answer to a read %s', async (_name, isExtended, read) => {
    await using standIn = await startStandIn();
    const database = openPostgres(`postgres://u@${standIn.host}/d`);
    const { length } = answerTo(statement, isExtended);
    for (let after = 0; after < length; after++) {
      standIn.cut = { statement: /^SELECT/, after, end };
      await expect(read(database), `cut after ${after} of ${length} bytes`).rejects.toMatchObject({
        code: 'STORAGE_UNAVAILABLE',
      });
    }
    standIn.cut = undefined;
    expect(await read(database)).toEqual(standInRows);
    await database.close();
  });

  it.each(ways)(
    'once, at any byte of the answer to a read %s, is replaced by a new one, which answers',
    async (...way) => {
      const [, isExtended, read] = way;
      await using standIn = await startStandIn();
      const database = openPostgres(`postgres://u@${standIn.host}/d`);
      await Promise.all([read(database), read(database), read(database)]);
      const { length } = answerTo(statement, isExtended);
      for (let after = 0; after < length; after += 7) {
        // Every connection ends, so that another idle one would not do.
        const endAll = () => {
          standIn.cut = undefined;
          standIn.disconnect(end);
        };
        standIn.cut = { statement: /^SELECT/, after, end: endAll };
        expect(await read(database), `cut after ${after} of ${length} bytes`).toEqual(standInRows);
      }
      await database.close();
    },
  );

  it('once, at any byte of the answer to a transaction, is not made up for: the change may be stored', async () => {
    await using standIn = await startStandIn();
    const database = openPostgres(`postgres://u@${standIn.host}/d`);
    standIn.cut = {
      statement: /^COMMIT/,
      after: 3,
      end: (socket) => {
        standIn.cut = undefined;
        end(socket);
      },
    };
    const written = database.write(async (queries) => (await queries.execute(statement)).rows);
    await expect(written).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(standIn.statements.filter((text) => text.startsWith('BEGIN'))).toHaveLength(1);
    await database.close();
  });

  it.each(['BEGIN', 'SELECT', 'COMMIT'])('at any byte of the answer to the %s of a transaction', async (cutOff) => {
    await using standIn = await startStandIn();
    const database = openPostgres(`postgres://u@${standIn.host}/d`);
    const write = () => database.write(async (queries) => (await queries.execute(statement)).rows);
    for (let after = 0; after < answerTo(cutOff, false).length; after++) {
      standIn.cut = { statement: new RegExp(`^${cutOff}`), after, end };
      await expect(write()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    }
    standIn.cut = undefined;
    expect(await write()).toEqual(standInRows);
    await database.close();
  });
});

it.each(ends)('a snapshot whose connection %s at its beginning is refused, and leaves nothing open', async (_, end) => {
  await using standIn = await startStandIn();
  standIn.cut = { statement: /^BEGIN/, after: 0, end };
  await expect(openPostgresSnapshot(`postgres://u@${standIn.host}/d`)).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
  });
  await expect.poll(standIn.openConnections).toBe(0);
});

it.each([/^SET/, /^listen/])(
  'a store that closes before it listens, while %s waits, leaves nothing open',
  async (waiting) => {
    await using standIn = await startStandIn();
    const database = openPostgres(`postgres://u@${standIn.host}/d`);
    const answered = Promise.withResolvers<void>();
    const answerLate = (socket: Socket): void => void answered.promise.then(() => socket.write(answerTo('SET', false)));
    standIn.cut = { statement: waiting, after: 0, end: answerLate };
    database.notifications.listen(() => undefined);
    await expect.poll(() => standIn.statements.some((text) => waiting.test(text))).toBe(true);
    const closed = database.close();
    answered.resolve();
    await closed;
    await expect.poll(standIn.openConnections).toBe(0);
  },
  // Less than the 5 s after which a pool closes what was not returned to it.
  4_000,
);

it('a connection that breaks while its server is asked whether it is a standby takes no place in the pool', async () => {
  await using standIn = await startStandIn();
  const database = openPostgres(`postgres://u@${standIn.host}/d?target_session_attrs=prefer-standby`);
  standIn.cut = { statement: /^SELECT pg_is_in_recovery/, after: 0, end: (socket) => socket.resetAndDestroy() };
  for (let connections = 0; connections < 12; connections++)
    expect((await database.read((queries) => queries.execute(statement))).rows).toEqual(standInRows);
  await database.close();
});

it.each(ends)('an idle connection that %s is replaced, and the process continues', async (_, end) => {
  await using standIn = await startStandIn();
  const database = openPostgres(`postgres://u@${standIn.host}/d`);
  const read = () => database.read(async (queries) => (await queries.execute(statement)).rows);
  expect(await read()).toEqual(standInRows);
  standIn.disconnect(end);
  await expect.poll(standIn.openConnections).toBe(0);
  await expect.poll(() => read().catch(() => 'unavailable')).toEqual(standInRows);
  await database.close();
});
