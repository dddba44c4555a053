// The list contains every registry of the account, is read and written in pages, and a part of it never looks complete.

import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { creation, openApi, type TestApi } from './harness.ts';

/** More than ten pages of 100, and not a whole number of them. */
const many = 1_234;

let api: TestApi;

beforeAll(async () => {
  api = await openApi();
  await api.send('POST', '/registries', { body: creation('r00000.example') });
  await copyFirst(many);
});

afterEach(() => {
  delete api.overrides.list;
});

afterAll(() => api.close());

/** Copies the one row under other names; its password is not read here. */
async function copyFirst(count: number): Promise<void> {
  const [row] = await api.domain.rows('SELECT * FROM registry');
  const others = Object.keys(row ?? {})
    .filter((column) => !['id', 'registry', 'host', 'name'].includes(column))
    .join(', ');
  const copies = Array.from({ length: count - 1 }, (_, index) => {
    const [id, name] = [String(index + 1).padStart(32, 'f'), `r${String(index + 1).padStart(5, '0')}.example`];
    return `('reg_${id}', '${name}')`;
  });
  await api.domain.rows(`WITH copy (id, name) AS (VALUES ${copies.join(', ')})
    INSERT INTO registry (id, registry, host, name, ${others}) SELECT copy.id, copy.name, copy.name, copy.name, ${others} FROM copy, (SELECT ${others} FROM registry) AS first`);
}

test('every registry occurs once, ordered by pattern, in one list', async () => {
  const answer = await api.send('GET', '/registries');
  const names = (answer.body as { registry: string }[]).map(({ registry }) => registry);
  expect(names).toEqual(Array.from({ length: many }, (_, index) => `r${String(index).padStart(5, '0')}.example`));
  expect(answer.headers['transfer-encoding']).toBe('chunked');
});

test('it is read by pages of 100', async () => {
  const before = api.calls.length;
  await api.send('GET', '/registries');
  expect(api.calls.length - before).toBe(Math.ceil(many / 100));
});

test('HEAD reads one page', async () => {
  const before = api.calls.length;
  expect((await api.raw('HEAD', '/api/v2/registries')).status).toBe(200);
  expect(api.calls.length - before).toBe(1);
});

test('a fault after the first page cuts the connection and is logged', async () => {
  let pages = 0;
  api.overrides.list = async (caller, args) => {
    pages += 1;
    if (pages === 5) throw new Error('hunter2');
    return api.domain.registries.list(caller, args);
  };
  await expect(api.raw('GET', '/api/v2/registries', { headers: { 'x-request-id': 'cut-in-half' } })).rejects.toThrow(
    /aborted|hang up/,
  );
  const lines = api.log.filter((line) => line.includes('cut-in-half') && line.includes('"level":"error"'));
  expect([lines.length, lines.join('').includes('hunter2')]).toEqual([1, false]);
});

test('no page is read for a client that left', async () => {
  let pages = 0;
  let left = (): void => undefined;
  const leaving = new Promise<void>((resolve) => (left = resolve));
  const socket = connect(api.port, '127.0.0.1', () =>
    socket.write(
      `GET /api/v2/registries HTTP/1.1\r\nHost: x\r\nX-Request-Id: left-early\r\nAuthorization: Bearer ${api.tokenOf('READ_WRITE')}\r\n\r\n`,
    ),
  );
  api.overrides.list = async (caller, args) => {
    pages += 1;
    if (pages === 2) {
      socket.destroy();
      await new Promise<void>((resolve) => caller.signal?.().addEventListener('abort', () => resolve()));
      setTimeout(left, 100);
    }
    return api.domain.registries.list(caller, args);
  };
  await leaving;
  expect(pages).toBe(2);
  expect(api.log.filter((line) => line.includes('left-early') && line.includes('"level":"error"'))).toEqual([]);
});

test('a slow reader holds the server to a few pages', async () => {
  let pages = 0;
  api.overrides.list = async (_caller, _args) => {
    pages += 1;
    const page = await api.domain.registries.list(_caller, { first: 100 });
    // A list without an end.
    return { ...page, hasNextPage: true };
  };
  const socket = connect(api.port, '127.0.0.1', () =>
    socket.write(
      `GET /api/v2/registries HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.tokenOf('READ_WRITE')}\r\n\r\n`,
    ),
  );
  socket.pause();
  const settled = async (before = -1): Promise<number> => {
    if (before === pages && pages > 0) return pages;
    const now = pages;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return settled(now);
  };
  const held = await settled();
  expect(held).toBeLessThan(2_000);
  socket.destroy();
  await settled();
  expect(pages - held).toBeLessThan(50);
});
