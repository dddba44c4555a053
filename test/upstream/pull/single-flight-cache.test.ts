// The cache of handshakes and tokens of pulls: who loads, who waits, and how long a value is returned.

import { expect, it } from 'vitest';
import { createSingleFlightCache } from '../../../src/upstream/pull/single-flight-cache.ts';

const startMs = Date.parse('2026-03-01T12:00:00Z');

/** Creates a cache of two entries with a stopped clock, and loads that are counted and valid for a minute. */
function start() {
  const test = { nowMs: startMs, loads: 0 };
  const cache = createSingleFlightCache<{ readonly load: number }>(2, () => test.nowMs);
  const load = async () => {
    test.loads += 1;
    return { value: { load: test.loads }, lifetimeMs: 60_000 };
  };
  return Object.assign(test, { cache, load });
}

it('returns a value until its lifetime ends, and not in that millisecond', async () => {
  const test = start();
  expect(await test.cache.get('a', test.load)).toEqual({ value: { load: 1 }, wasCached: false });
  test.nowMs += 59_999;
  expect(await test.cache.get('a', test.load)).toEqual({ value: { load: 1 }, wasCached: true });
  test.nowMs += 1;
  expect(await test.cache.get('a', test.load)).toEqual({ value: { load: 2 }, wasCached: false });
});

it.each([-1, 0, 1])('never returns a value again that ends %i ms after it came', async (lifetimeMs) => {
  const test = start();
  test.cache.set('a', { value: { load: 0 }, lifetimeMs });
  test.nowMs += 1;
  expect(await test.cache.get('a', test.load)).toEqual({ value: { load: 1 }, wasCached: false });
});

it('shares one load among callers of one key, and its failure, which is not cached', async () => {
  const test = start();
  const { promise, reject } = Promise.withResolvers<never>();
  const waiting = [test.cache.get('a', () => promise), test.cache.get('a', test.load)];
  reject(new Error('down'));
  expect(await Promise.allSettled(waiting)).toMatchObject([
    { reason: { message: 'down' } },
    { reason: { message: 'down' } },
  ]);
  expect([test.loads, await test.cache.get('a', test.load)]).toEqual([0, { value: { load: 1 }, wasCached: false }]);
});

it('evicts the least recently used, and an evicted load still returns its value', async () => {
  const test = start();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = test.cache.get('slow', () => promise.then(test.load));
  for (const key of ['a', 'b', 'a', 'c']) await test.cache.get(key, test.load);
  expect((await test.cache.get('a', test.load)).wasCached).toBe(true);
  expect((await test.cache.get('b', test.load)).wasCached).toBe(false);
  resolve();
  expect(await waiting).toEqual({ value: { load: 5 }, wasCached: false });
});

it('lets a value that is set during a load stay, while those who wait get their own', async () => {
  const test = start();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = test.cache.get('a', () => promise.then(test.load));
  test.cache.set('a', { value: { load: 99 }, lifetimeMs: 60_000 });
  resolve();
  expect((await waiting).value).toEqual({ load: 1 });
  expect((await test.cache.get('a', test.load)).value).toEqual({ load: 99 });
});

it('drops a value only if it is still the one that was meant', async () => {
  const test = start();
  const { value } = await test.cache.get('a', test.load);
  test.cache.drop('a', { ...value });
  expect((await test.cache.get('a', test.load)).wasCached).toBe(true);
  test.cache.drop('a', value);
  expect((await test.cache.get('a', test.load)).wasCached).toBe(false);
  test.cache.dropWhere((key) => key === 'a');
  expect((await test.cache.get('a', test.load)).wasCached).toBe(false);
});
