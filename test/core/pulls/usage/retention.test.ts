// The laws of deleting old usage: in pages, one registry after the other, one server at a time, again after a failure, and never after the end.

import { expect, test } from 'vitest';
import { startUsageRetention, type UsageRetentionPorts } from '../../../../src/core/pulls/usage/retention.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const nowMs = Date.UTC(2027, 0, 1);

/** Registries with so many old counts each. The timers of pauses run at once, the others when they are told to. */
function setUp(counts: Map<string, number>, change: Partial<UsageRetentionPorts['uses']> = {}) {
  const timers: { readonly run: () => void; readonly delayMs: number }[] = [];
  const deleted: number[] = [];
  const failures: unknown[] = [];
  const asked: Date[] = [];
  const retention = startUsageRetention({
    uses: {
      async registriesUsedBefore(before, afterId, limit) {
        asked.push(before);
        return [...counts.keys()]
          .filter((id) => id > afterId && counts.get(id)! > 0)
          .toSorted()
          .slice(0, limit);
      },
      async deleteUsesBefore(id) {
        const count = counts.get(id) ?? 0;
        counts.set(id, 0);
        return count;
      },
      ...change,
    },
    keptMs: 400 * dayMs,
    now: () => new Date(nowMs),
    setTimer(run, delayMs) {
      if (delayMs < 1_000) queueMicrotask(run);
      else timers.push({ run, delayMs });
      return () => undefined;
    },
    onDeleted: (count) => deleted.push(count),
    onFailure: (fault) => failures.push(fault),
  });
  return { retention, timers, deleted, failures, asked };
}

const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `reg_${String(index).padStart(5, '0')}`);

test('the counts of all registries that are 400 days old are deleted, over several pages, and reported once', async () => {
  const counts = new Map(ids(250).map((id) => [id, 3]));
  const { retention, deleted, asked } = setUp(counts);
  await retention.sweep();
  expect(deleted).toEqual([750]);
  expect([...counts.values()].every((count) => count === 0)).toBe(true);
  expect(asked).toEqual([1, 2, 3].map(() => new Date(nowMs - 400 * dayMs)));
});

test('a sweep that finds nothing reports nothing', async () => {
  const { retention, deleted, failures } = setUp(new Map());
  await retention.sweep();
  expect([deleted, failures]).toEqual([[], []]);
});

test('while another server deletes, a sweep stops at once', async () => {
  let calls = 0;
  const { retention, deleted } = setUp(new Map(ids(5).map((id) => [id, 1])), {
    deleteUsesBefore: async () => {
      calls += 1;
      return undefined;
    },
  });
  await retention.sweep();
  expect([calls, deleted]).toEqual([1, []]);
});

test('a sweep that fails is reported with what it deleted before, and the next one is due in an hour', async () => {
  const counts = new Map(ids(5).map((id) => [id, 1]));
  const { timers, deleted, failures, retention } = setUp(counts, {
    async deleteUsesBefore(id) {
      if (id === 'reg_00003') throw new Error('away');
      return 1;
    },
  });
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([300_000]);
  timers[0]!.run();
  await retention.sweep();
  await Promise.resolve();
  expect([deleted, failures.map(String)]).toEqual([[3], ['Error: away']]);
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([300_000, 3_600_000]);
});

test('after its end no registry is touched, and no timer is left', async () => {
  const counts = new Map(ids(5).map((id) => [id, 1]));
  const { retention, timers } = setUp(counts);
  const running = retention.sweep();
  await retention.close();
  await running;
  const left = [...counts.values()].filter((count) => count > 0).length;
  expect(left).toBeGreaterThanOrEqual(4);
  expect(timers).toHaveLength(1);
});
