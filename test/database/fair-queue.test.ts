// Waiting calls: in turns of their callers, and never more than the queue holds.

import { expect, test } from 'vitest';
import { FairQueue } from '../../src/database/fair-queue.ts';

const item = (lane: string, since = 0) => ({ lane, since });
const lanesOf = (queue: FairQueue<ReturnType<typeof item>>) =>
  Array.from({ length: queue.size }, () => queue.take()?.lane).join('');

test('a caller with a hundred calls lets a caller with one wait for one of them', () => {
  const queue = new FairQueue<ReturnType<typeof item>>(1_000);
  for (let call = 0; call < 100; call += 1) queue.add(item('a'));
  queue.add(item('b'));
  queue.add(item('c'));
  expect(lanesOf(queue)).toMatch(/^abca+$/);
  expect(queue.size).toBe(0);
});

test('calls of one caller keep their order', () => {
  const queue = new FairQueue<ReturnType<typeof item>>(10);
  for (const since of [1, 2, 3]) queue.add(item('a', since));
  expect([queue.take()?.since, queue.take()?.since, queue.take()?.since, queue.take()]).toEqual([1, 2, 3, undefined]);
});

test('a single caller may fill the queue, and its next call is rejected', () => {
  const queue = new FairQueue<ReturnType<typeof item>>(3);
  expect([1, 2, 3].map((since) => queue.add(item('a', since)))).toEqual([undefined, undefined, undefined]);
  const late = item('a', 4);
  expect(queue.add(late)).toBe(late);
  expect(queue.size).toBe(3);
});

test('another caller gets its room from the one with the most calls, down to equal shares', () => {
  const queue = new FairQueue<ReturnType<typeof item>>(4);
  for (const since of [1, 2, 3, 4]) queue.add(item('a', since));
  expect([queue.add(item('b', 5)), queue.add(item('b', 6))]).toEqual([item('a', 4), item('a', 3)]);
  const tooMany = item('b', 7);
  expect(queue.add(tooMany)).toBe(tooMany);
  expect(lanesOf(queue)).toBe('abab');
});

test('what waited for too long is taken out of every lane', () => {
  const queue = new FairQueue<ReturnType<typeof item>>(10);
  for (const [lane, since] of [
    ['a', 1],
    ['a', 5],
    ['b', 2],
    ['c', 9],
  ] as const)
    queue.add(item(lane, since));
  expect(queue.takeOlderThan(5).map(({ since }) => since)).toEqual([1, 2]);
  expect([queue.size, lanesOf(queue)]).toEqual([2, 'ac']);
});
