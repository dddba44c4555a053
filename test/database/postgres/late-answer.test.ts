// A server that goes away or is late: every caller is told the truth, and neither a promise nor a connection is left that nobody awaits.

import type { Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import type { Database, SendEvents } from '../../../src/database/database.ts';
import { openPostgres, openPostgresSnapshot } from '../../../src/database/postgres/open.ts';
import { sampleEvent } from '../samples.ts';
import { answerTo, startStandIn } from './stand-in.ts';

/** As the audit chain does, waits for an answer before it sends the rest. */
const send: SendEvents = async (queries) => {
  await queries.execute('SELECT head');
  return [queries.execute('SELECT event')];
};

const silence = (): void => undefined;
const reset = (socket: Socket): void => void socket.resetAndDestroy();

const ways: [string, (database: Database) => Promise<unknown>][] = [
  ['change', changeOn],
  ['transaction', (database) => database.write(async (queries) => (await queries.execute('SELECT one')).rows)],
];

async function changeOn(database: Database): Promise<unknown> {
  return await database.changes?.(send)('lane', async (queries) => {
    await queries.execute('SELECT one');
    return { value: undefined, event: sampleEvent() };
  });
}

afterEach(() => {
  vi.useRealTimers();
});

// The server answers statements in their order, so that after one without an answer the others have none either.
it.each([/^SET LOCAL|^SELECT head/, /^SELECT head/, /^SELECT event|^COMMIT/])(
  'a connection that breaks at %s fails the change, and leaves no rejection that nobody handles',
  async (statement) => {
    await using standIn = await startStandIn();
    const database = openPostgres(`postgres://u@${standIn.host}/d`);
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      standIn.cut = { statement, after: 0, end: reset };
      await expect(changeOn(database)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      await new Promise((resolve) => void setTimeout(resolve, 50));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
      await database.close();
    }
  },
);

it.each(ways)(
  'a %s whose COMMIT gets no answer in time may have been stored, and its caller is told so',
  async (_, write) => {
    await using standIn = await startStandIn();
    const database = openPostgres(`postgres://u@${standIn.host}/d`);
    await write(database);
    standIn.statements.length = 0;
    standIn.cut = { statement: /^COMMIT/, after: 0, end: silence };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const written = write(database).catch((error: unknown) => error);
    await vi.waitUntil(() => standIn.statements.includes('COMMIT'));
    await vi.advanceTimersByTimeAsync(12_000);
    vi.useRealTimers();
    expect(await written).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: 'The storage stopped during this call, which may have been stored. Read before you repeat it.',
    });
    standIn.disconnect(reset);
    await database.close();
  },
);

it.each(ways)('a %s that gets no answer before its COMMIT was not stored, and may be repeated', async (_, write) => {
  await using standIn = await startStandIn();
  const database = openPostgres(`postgres://u@${standIn.host}/d`);
  await write(database);
  standIn.statements.length = 0;
  standIn.cut = { statement: /^SELECT one/, after: 0, end: silence };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const written = write(database).catch((error: unknown) => error);
  await vi.waitUntil(() => standIn.statements.includes('SELECT one'));
  await vi.advanceTimersByTimeAsync(12_000);
  vi.useRealTimers();
  expect(await written).toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: 'The storage is not answering. Try again in a few seconds.',
  });
  standIn.disconnect(reset);
  await database.close();
  expect(standIn.statements).not.toContain('COMMIT');
});

it('a snapshot whose beginning is answered too late is given back', async () => {
  await using standIn = await startStandIn();
  const answered = Promise.withResolvers<void>();
  const answerLate = (socket: Socket): void => void answered.promise.then(() => socket.write(answerTo('BEGIN', false)));
  standIn.cut = { statement: /^BEGIN/, after: 0, end: answerLate };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const opened = openPostgresSnapshot(`postgres://u@${standIn.host}/d`).catch((error: unknown) => error);
  await vi.waitUntil(() => standIn.statements.some((text) => text.startsWith('BEGIN')));
  await vi.advanceTimersByTimeAsync(12_000);
  answered.resolve();
  expect(await opened).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  vi.useRealTimers();
  await expect.poll(standIn.openConnections).toBe(0);
}, 4_000);

it('a store that closes waits for a change that its group gave up, and that then runs alone', async () => {
  await using standIn = await startStandIn();
  const database = openPostgres(`postgres://u@${standIn.host}/d`);
  const begun = Promise.withResolvers<void>();
  let attempts = 0;
  const outcome = database.changes?.(send)('lane', async () => {
    attempts += 1;
    begun.resolve();
    if (attempts === 1) throw new Error('Only the group fails.');
    return { value: 'stored' };
  });
  const settled = outcome?.catch((error: unknown) => error);
  await begun.promise;
  await database.close();
  expect(await settled).toBe('stored');
});
