// A document of the largest cost is divided among turns of the event loop, however it is executed and requested, and few of them run at once.

import { execute, getIntrospectionQuery, parse } from 'graphql';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, test, vi } from 'vitest';
import type { Caller } from '../../../../src/core/authz/principal.ts';
import type { RegistryPage } from '../../../../src/core/registries/list.ts';
import type { Registry } from '../../../../src/core/registry/registry.ts';
import { schema } from '../../../../src/server/graphql/schema/schema.ts';
import { createTurns } from '../../../../src/server/http/turns.ts';
import { createLargeOperations, largeOperations } from '../../../../src/server/graphql/execution/large-operations.ts';
import { sampleRegistry } from '../../../database/samples.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../harness.ts';

const columns =
  'id registry host repository name type username secureConnection trustedRealm probeRepository pendingSince previousUsableUntil account createdAt updatedAt __typename';
/** Some 13,000 fields in four pages, and 35,000 in one page. */
const manyPages = `{ ${Array.from({ length: 4 }, (_, index) => `a${index}: registries(first: 100) { nodes { ${columns} lastValidation { outcome message steps { kind } } } }`).join(' ')} }`;
const onePage = `{ registries(first: 100) { nodes { ${columns} lastValidation { ${Array.from({ length: 11 }, (_, index) => `a${index}: steps { kind status }`).join(' ')} } } } }`;
/** A page as clients request it. */
const smallPage = `{ registries(first: 50) { nodes { ${columns} } } }`;

const step = { kind: 'PING', status: 'PASSED', message: 'HTTP 200', durationMs: 1 } as const;
const report: Registry['lastValidation'] = {
  outcome: 'VALID',
  message: 'The registry accepted the credential.',
  advice: [],
  retryable: false,
  retryAfter: null,
  realmHost: null,
  checkedAt: 0,
  durationMs: 1,
  steps: Array.from({ length: 9 }, () => step),
};

let endpoint: TestEndpoint;
let turn = 0;
let ticker: NodeJS.Immediate;
/** The rows that were completed in each turn of the event loop. */
let rowsOfTurns: Map<number, number>;

/** A page whose rows each take this long to complete. */
function slowPage(count: number, rowMs: number): RegistryPage {
  const nodes = Array.from({ length: count }, (_, index) => {
    const registry = { ...sampleRegistry(index + 1), lastValidation: report };
    return Object.defineProperty(registry, 'id', {
      get() {
        rowsOfTurns.set(turn, (rowsOfTurns.get(turn) ?? 0) + 1);
        const end = performance.now() + rowMs;
        while (performance.now() < end);
        return `reg_${index}`;
      },
    });
  });
  return { nodes, hasNextPage: false, hasPreviousPage: false, cursorOf: () => 'c', totalCount: async () => count };
}

beforeEach(() => {
  rowsOfTurns = new Map();
  const tick = (): void => {
    turn += 1;
    ticker = setImmediate(tick);
  };
  ticker = setImmediate(tick);
});

afterEach(async () => {
  clearImmediate(ticker);
  await endpoint.close();
});

async function open(compiledExecution: boolean, rowMs = 1): Promise<void> {
  endpoint = await openEndpoint({ compiledExecution });
  endpoint.overrides.list = async (_caller: Caller, args: unknown) =>
    slowPage((args as { first: number }).first, rowMs);
}

/** By POST and by GET: the second never reached the fast path before. */
const ask = {
  POST: (query: string) => endpoint.send(query),
  GET: (query: string) =>
    endpoint.request(`/graphql?query=${encodeURIComponent(query)}`, { headers: jsonHeaders('ADMIN') }),
};

describe.each([
  ['compiled', true],
  ['by graphql-js', false],
] as const)('a large document, executed %s,', (_, compiled) => {
  it.each([
    ['four pages', 'POST', manyPages, 400, 0.25],
    ['one page', 'POST', onePage, 100, 1],
    ['one page', 'GET', onePage, 100, 1],
  ] as const)(
    'with %s by %s completes a few milliseconds of rows in a turn',
    { timeout: 60_000 },
    async (_what, method, query, rows, rowMs) => {
      await open(compiled, rowMs);
      // The third run is compiled.
      const answers = [await ask[method](query), await ask[method](query)];
      rowsOfTurns.clear();
      answers.push(await ask[method](query));
      const counts = [...rowsOfTurns.values()];
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rows);
      // 5 ms, and the row in which they end.
      expect(Math.max(...counts)).toBeLessThanOrEqual(5 / rowMs + 1);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(answers[0]?.body.errors).toBeUndefined();
    },
  );

  it('has the response of a small one that was executed at once', async () => {
    await open(compiled);
    const nodesOf = ({ body }: { readonly body: { readonly data?: unknown } }) =>
      (body.data as { registries: { nodes: object[] } }).registries.nodes;
    const large = nodesOf(await endpoint.send(onePage)).slice(0, 3);
    expect(large).toEqual(nodesOf(await endpoint.send(onePage.replace('100', '3'))));
  });

  it('leaves a usual page as it is: in one turn', async () => {
    await open(compiled);
    for (let run = 1; run <= 3; run += 1) {
      rowsOfTurns.clear();
      expect((await endpoint.send(smallPage)).status).toBe(200);
      expect([...rowsOfTurns.values()]).toEqual([50]);
    }
  });
});

it.each(['text/event-stream', 'multipart/mixed'])(
  'as %s is refused, because it would be serialized at once',
  async (accept) => {
    await open(true);
    const answer = await endpoint.request('/graphql', {
      method: 'POST',
      headers: { ...jsonHeaders('ADMIN'), accept },
      body: JSON.stringify({ query: onePage }),
    });
    expect(answer.text).toContain('NOT_ACCEPTABLE');
    expect(rowsOfTurns.size).toBe(0);
  },
);

it('of one login run two at once, and one of another login beside them', async () => {
  await open(true);
  const running: string[] = [];
  const { promise: end, resolve: finish } = Promise.withResolvers<void>();
  onTestFinished(() => finish());
  endpoint.overrides.list = async ({ principal }: Caller) => {
    running.push(principal?.role ?? '');
    await end;
    return slowPage(0, 0);
  };
  const answers = [1, 2, 3, 4].map(() => endpoint.send(onePage, {}, 'ADMIN'));
  await expect.poll(() => largeOperations.counts()).toMatchObject({ held: 2, waiting: 2 });
  answers.push(endpoint.send(onePage, {}, 'READ_WRITE'));
  await expect.poll(() => running).toEqual(['ADMIN', 'ADMIN', 'READ_WRITE']);
  expect((await endpoint.send('{ principal { role } }')).status).toBe(200);
  finish();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(largeOperations.counts()).toMatchObject({ held: 0, waiting: 0 });
});

test('introspection of the whole schema is divided by its entries', async () => {
  endpoint = await openEndpoint();
  let nowMs = 0;
  // Every look at this clock takes a millisecond.
  const contextValue = { turns: createTurns(() => (nowMs += 1), 5) };
  const document = parse(getIntrospectionQuery());
  const before = turn;
  const divided = await execute({ schema, document, contextValue });
  expect(turn - before).toBeGreaterThan(50);
  expect(divided).toEqual(await execute({ schema, document }));
});

test('a large request that waits for 10 s is refused with 503 and Retry-After', async () => {
  endpoint = await openEndpoint();
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const operations = createLargeOperations();
  const { signal } = new AbortController();
  await operations.acquire('one', signal);
  await operations.acquire('one', signal);
  const refused = operations.acquire('one', signal).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await refused).toMatchObject({
    extensions: {
      code: 'LIMIT_EXCEEDED',
      reason: 'LARGE_OPERATIONS',
      http: { status: 503, headers: { 'Retry-After': '10' } },
    },
  });
});
