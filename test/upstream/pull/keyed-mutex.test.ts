// Requests whose password may be replaced at any moment run one at a time, and a rejection stops those behind it.

import { setTimeout } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createKeyedMutex } from '../../../src/upstream/pull/keyed-mutex.ts';

const refusal = () => new Error('refused');

it('one request of a key runs at a time, in the order of arrival, and other keys do not wait for it', async () => {
  const turns = createKeyedMutex(() => performance.now());
  const running = { now: 0, most: 0, order: [] as number[] };
  const run = async (number: number) => {
    running.now += 1;
    running.most = Math.max(running.most, running.now);
    running.order.push(number);
    await setTimeout(2);
    running.now -= 1;
    return 200;
  };
  const { promise: never } = Promise.withResolvers<number>();
  void turns.runExclusive(
    'other',
    () => never,
    () => false,
    refusal,
  );
  await Promise.all(
    Array.from({ length: 20 }, (_, number) =>
      turns.runExclusive(
        'one',
        () => run(number),
        () => false,
        refusal,
      ),
    ),
  );
  expect(running).toEqual({ now: 0, most: 1, order: Array.from({ length: 20 }, (_, number) => number) });
});

it('of fifty requests with a rejected password one is sent, and another key is not affected', async () => {
  const turns = createKeyedMutex(() => performance.now());
  let sent = 0;
  const run = async () => {
    sent += 1;
    return 401;
  };
  const take = (key: string) => turns.runExclusive(key, run, (status) => status === 401, refusal);
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => take('version 1')));
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(49);
  expect(sent).toBe(1);
  expect(await take('version 2')).toBe(401);
});

it('a request that fails lets the next one start, and a rejection expires', async () => {
  let nowMs = 0;
  const turns = createKeyedMutex(() => nowMs);
  await expect(
    turns.runExclusive(
      'key',
      () => Promise.reject(new Error('reset')),
      () => false,
      refusal,
    ),
  ).rejects.toThrow('reset');
  expect(
    await turns.runExclusive(
      'key',
      async () => 401,
      () => true,
      refusal,
    ),
  ).toBe(401);
  await expect(
    turns.runExclusive(
      'key',
      async () => 200,
      () => false,
      refusal,
    ),
  ).rejects.toThrow('refused');
  nowMs = 60_000;
  expect(
    await turns.runExclusive(
      'key',
      async () => 200,
      () => false,
      refusal,
    ),
  ).toBe(200);
});

it('a request that leaves the queue waits no longer, and those behind it still wait for the one before it', async () => {
  const turns = createKeyedMutex(() => performance.now());
  const started: string[] = [];
  const leaver = new AbortController();
  const running = Promise.withResolvers<number>();
  const take = (name: string, answer: Promise<number>, signal?: AbortSignal) =>
    turns.runExclusive(
      'key',
      () => {
        started.push(name);
        return answer;
      },
      () => false,
      refusal,
      signal,
    );
  const first = take('first', running.promise);
  const left = take('left', Promise.resolve(200), leaver.signal);
  const behind = take('behind', Promise.resolve(200));
  leaver.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  await setTimeout(5);
  expect(started).toEqual(['first']);
  running.resolve(200);
  await Promise.all([first, behind]);
  expect(started).toEqual(['first', 'behind']);
});

it('a request that hangs delays the next one for only 3 seconds', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const turns = createKeyedMutex(() => performance.now());
  const { promise: never } = Promise.withResolvers<number>();
  void turns.runExclusive(
    'key',
    () => never,
    () => false,
    refusal,
  );
  let status: number | undefined;
  const behind = turns
    .runExclusive(
      'key',
      async () => 200,
      () => false,
      refusal,
    )
    .then((answer) => (status = answer));
  await vi.advanceTimersByTimeAsync(2_999);
  expect(status).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  await behind;
  expect(status).toBe(200);
});
