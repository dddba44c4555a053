// A limiter: so many a minute for each key, whole again a minute after the first.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRateLimiter } from '../../../src/server/ops/rate-limiter.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('allows the calls of a minute, then returns the time until the next', async () => {
  const limiter = createRateLimiter(2);
  expect(await limiter.consume('a')).toBe(0);
  vi.advanceTimersByTime(20_000);
  expect([await limiter.consume('a'), await limiter.consume('a'), await limiter.consume('b')]).toEqual([0, 40_000, 0]);
  vi.advanceTimersByTime(40_000);
  expect(await limiter.consume('a')).toBe(0);
});

it('is not prolonged by those who go on asking', async () => {
  const limiter = createRateLimiter(1);
  for (let second = 0; second < 60; second += 1) {
    await limiter.consume('a');
    vi.advanceTimersByTime(1_000);
  }
  expect(await limiter.consume('a')).toBe(0);
});

it('of 0 is no limit', async () => {
  const limiter = createRateLimiter(0);
  const taken = await Promise.all(Array.from({ length: 1_000 }, () => limiter.consume('a')));
  expect(new Set(taken)).toEqual(new Set([0]));
});
