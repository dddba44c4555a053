// The heap of a server under load: its young part stays small but not tiny, also after a pause; what a request made is gone with it; what
// many requests held that had to wait is collected before it is much.

import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operationsOn } from './support/operations.ts';
import { startServer, type RegwayServer } from './support/server.ts';

const mebibyte = 1024 * 1024;
const connections = 16;
/** So many that requests wait for each other's commits. */
const waitingConnections = 256;
const createCount = 12_000;
/** Of the old part of the heap, which comes to at most 61 MiB here; V8 alone let it grow to 116 and more. */
const maxOldMiB = 85;
const pollIntervalMs = 100;
/** Until the machine code of an operation, which the old part of the heap holds, has settled. */
const warmUpCount = 2_000;
/** Number of measurements, because a full collection in between may remove the garbage. */
const countsMeasured = [1_000, 1_000, 1_000];
/** A request that is held until a full collection leaves about 6,000 bytes, others 700. */
const maxLeftBytes = 2_000;
/** Milliseconds without work after which V8's next full collection returns memory. */
const idleMs = 12_000;

let server: RegwayServer;

beforeAll(async () => {
  server = await startServer();
  const create = (path: string) =>
    operationsOn(server).create(
      { registry: `registry.example/${path}`, username: 'u', password: 'p' },
      { validate: false },
    );
  for (const path of ['team/*', ...Array.from({ length: 9 }, (_, number) => `other-${number}`)]) await create(path);
});

afterAll(() => server.stop());

test.each([
  [
    'a get',
    '{ registry(registry: "registry.example/team/*") { id registry username lastValidation { outcome checkedAt } createdAt } }',
  ],
  [
    'an image',
    '{ image(reference: "registry.example/team/app:1") { reference registry { id username } candidates { matched registry { id } } } }',
  ],
  [
    'a page',
    '{ registries(first: 50) { edges { cursor node { id registry lastValidation { outcome } createdAt } } pageInfo { hasNextPage } } }',
  ],
])(
  '%s leaves nothing in the heap that waits for a full collection, and lets its young part grow no further',
  async (_what, query) => {
    await ask(query, warmUpCount);
    const left: number[] = [];
    for (const count of countsMeasured) {
      const before = await heap();
      await ask(query, count);
      const after = await heap();
      left.push((after.oldBytes - before.oldBytes) / count);
      expect(after.youngBytes).toBe(before.youngBytes);
      // Much less would be collected at every few requests.
      expect(after.youngBytes / mebibyte).toSatisfy((size) => size >= 8 && size <= 16);
    }
    expect(Math.max(...left)).toBeLessThan(maxLeftBytes);
  },
);

test(
  'after a pause, when V8 shrinks the young part of the heap, it grows to what it was',
  { timeout: 120_000 },
  async () => {
    const query =
      '{ registries(first: 50) { nodes { id registry host name username lastValidation { outcome steps { message } } createdAt } } }';
    for (const pauseMs of [0, idleMs, idleMs]) {
      await pause(pauseMs);
      await ask(query, 2 * warmUpCount);
      expect((await heap()).youngBytes / mebibyte).toSatisfy((size) => size >= 8 && size <= 16);
    }
  },
);

test(
  'what requests held that waited together for a commit is collected before it fills the old part of the heap',
  { timeout: 120_000 },
  async () => {
    const query =
      'mutation ($registry: String!) { createRegistry(input: { registry: $registry, username: "u", password: "p" }, validate: false) { registry { id } } }';
    let sent = 0;
    const load = send(
      () => ({ query, variables: { registry: `registry.example/created/${(sent += 1)}` } }),
      createCount,
      waitingConnections,
    );
    const isOver = load.then(() => true);
    const seenMiB: number[] = [];
    while (!(await Promise.race([isOver, pause(pollIntervalMs, false)])))
      seenMiB.push((await heap()).oldBytes / mebibyte);
    expect(seenMiB.length).toBeGreaterThan(10);
    expect(Math.max(...seenMiB)).toBeLessThan(maxOldMiB);
  },
);

/** At most these few are in the heap at once. */
function ask(query: string, count: number): Promise<void> {
  return send(() => ({ query }), count, connections);
}

/** Sends so many requests, each connection one at a time. */
async function send(next: () => object, count: number, atOnce: number): Promise<void> {
  const pool = new Pool(server.url, { connections: atOnce });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${server.firstToken()}` };
  const inTurn = async (): Promise<void> => {
    for (let sent = 0; sent < count / atOnce; sent += 1) {
      const { statusCode, body } = await pool.request({
        path: '/graphql',
        method: 'POST',
        headers,
        body: JSON.stringify(next()),
      });
      const text = await body.text();
      if (statusCode !== 200 || text.includes('"errors"') || text.includes('"registry":null')) throw new Error(text);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, inTurn));
  await pool.close();
}

/** By the server's own metrics. */
async function heap(): Promise<{ readonly youngBytes: number; readonly oldBytes: number }> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const read = (name: string, space: string) =>
    Number(new RegExp(`^nodejs_heap_space_size_${name}_bytes\\{space="${space}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  return { youngBytes: read('total', 'new'), oldBytes: read('used', 'old') };
}
