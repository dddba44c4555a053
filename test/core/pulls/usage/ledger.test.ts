// The ledger's laws: a pull never waits or fails for it, equal uses are one count, and what it holds is bounded.

import { expect, test } from 'vitest';
import { createLedger, type Ledger } from '../../../../src/core/pulls/usage/ledger.ts';
import type { CountedUse, CredentialUse } from '../../../../src/core/pulls/usage/uses.ts';

const start = Date.UTC(2026, 0, 1);

function use(change: Partial<CredentialUse> = {}): CredentialUse {
  return {
    at: new Date(start),
    account: 'admin',
    registryId: 'reg_1',
    registryVersion: 1,
    actor: 'token:a',
    image: 'docker.io/a/b',
    outcome: 'DONE',
    ...change,
  };
}

interface Bench {
  readonly ledger: Ledger;
  /** Batches that were asked to be written. */
  readonly batches: (readonly CountedUse[])[];
  /** Timers that run, with their delay. */
  readonly timers: { readonly run: () => void; readonly delayMs: number }[];
  readonly failures: unknown[];
  readonly losses: number[];
  /** Stores a batch. */
  answer: () => Promise<void>;
  /** Lets the oldest timer ring, and the write that it starts end. */
  readonly ring: () => Promise<void>;
}

function bench(): Bench {
  const batches: (readonly CountedUse[])[] = [];
  const timers: { run: () => void; delayMs: number }[] = [];
  const failures: unknown[] = [];
  const losses: number[] = [];
  const made: Bench = {
    batches,
    timers,
    failures,
    losses,
    answer: async () => undefined,
    ring: async () => {
      timers.shift()?.run();
      await settled();
    },
    ledger: createLedger({
      store: {
        addUses: (batch) => {
          batches.push(batch);
          return made.answer();
        },
      },
      setTimer: (run, delayMs) => {
        const timer = { run, delayMs };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
      monotonicMs: () => 0,
      onFailure: (fault) => failures.push(fault),
      onLoss: (uses) => losses.push(uses),
    }),
  };
  return made;
}

const settled = () => new Promise((resolve) => void setImmediate(resolve));

test('uses are written a second after the first of them, equal ones as one count with the latest time', async () => {
  const { ledger, batches, timers, ring } = bench();
  ledger.record(use({ at: new Date(start + 5) }));
  ledger.record(use({ at: new Date(start + 9) }));
  ledger.record(use({ at: new Date(start + 7), account: 'other' }));
  expect([batches, timers.map(({ delayMs }) => delayMs)]).toEqual([[], [1_000]]);
  await ring();
  expect(batches).toEqual([
    [
      {
        registryId: 'reg_1',
        registryVersion: 1,
        actor: 'token:a',
        image: 'docker.io/a/b',
        outcome: 'DONE',
        count: 3,
        lastAt: new Date(start + 9),
      },
    ],
  ]);
  expect(timers).toEqual([]);
});

test('the requests of one image pull are one use', async () => {
  const { ledger, batches, ring } = bench();
  const digest = `sha256:${'a'.repeat(64)}`;
  ledger.record(use({ request: { method: 'HEAD', kind: 'manifests', reference: 'latest' } }));
  ledger.record(use({ request: { method: 'GET', kind: 'manifests', reference: digest } }));
  ledger.record(use({ request: { method: 'GET', kind: 'blobs', reference: digest } }));
  await ring();
  expect(batches).toMatchObject([[{ count: 1 }]]);
  expect(batches[0]?.[0]).not.toHaveProperty('request');
});

test.each<[string, Partial<CredentialUse>]>([
  ['registry', { registryId: 'reg_2' }],
  ['version', { registryVersion: 2 }],
  ['actor', { actor: 'token:b' }],
  ['image', { image: 'docker.io/a/c' }],
  ['outcome', { outcome: 'INVALID_CREDENTIALS' }],
])('another %s is a count of its own', async (_, change) => {
  const { ledger, batches, ring } = bench();
  ledger.record(use());
  ledger.record(use(change));
  await ring();
  expect(batches[0]?.map(({ count }) => count)).toEqual([1, 1]);
});

test('a full batch is written at once, and its timer is taken back', async () => {
  const { ledger, batches, timers } = bench();
  for (let number = 0; number < 500; number += 1) ledger.record(use());
  await settled();
  expect([batches.length, batches[0]?.[0]?.count, timers.length]).toEqual([1, 500, 0]);
});

test('recording returns while the store hangs, and one batch at a time is written', async () => {
  const hanging = bench();
  const { ledger, batches, timers, ring } = hanging;
  const store = Promise.withResolvers<void>();
  hanging.answer = () => store.promise;
  ledger.record(use());
  await ring();
  for (let number = 0; number < 1_500; number += 1) ledger.record(use());
  await settled();
  expect([batches.length, timers.length]).toEqual([1, 0]);
  store.resolve();
  await settled();
  await ring();
  expect(batches.map(([first]) => first?.count)).toEqual([1, 1_500]);
});

test.each<[string, () => Promise<void>]>([
  ['rejects', () => Promise.reject(new Error('gone'))],
  [
    'throws',
    () => {
      throw new Error('gone');
    },
  ],
])('when the store %s, no use is lost or thrown at a pull: it goes with the next batch', async (_, answer) => {
  const failing = bench();
  const { ledger, batches, timers, failures, losses, ring } = failing;
  failing.answer = answer;
  ledger.record(use());
  await ring();
  expect([failures.length, timers.length]).toEqual([1, 1]);
  for (let number = 0; number < 1_000; number += 1) ledger.record(use());
  await settled();
  expect(batches).toHaveLength(1);
  failing.answer = async () => undefined;
  await ring();
  expect(batches.at(-1)?.map(({ count }) => count)).toEqual([1_001]);
  expect(losses).toEqual([]);
});

test('its memory is bounded: beyond the bound, known counts still rise, and new ones are reported as lost', async () => {
  const away = bench();
  const { ledger, batches, losses, ring } = away;
  away.answer = () => Promise.reject(new Error('gone'));
  ledger.record(use({ image: 'docker.io/a/0' }));
  await ring();
  for (let number = 0; number < 10_007; number += 1) ledger.record(use({ image: `docker.io/a/${number}` }));
  ledger.record(use({ image: 'docker.io/a/0' }));
  away.answer = async () => undefined;
  await ring();
  expect([batches.at(-1)?.length, batches.at(-1)?.[0]?.count, losses]).toEqual([10_000, 3, [7]]);
});

test('closing writes the rest, waits for a running write, and records no more', async () => {
  const closing = bench();
  const { ledger, batches, timers, ring } = closing;
  const store = Promise.withResolvers<void>();
  closing.answer = () => store.promise;
  ledger.record(use());
  await ring();
  ledger.record(use({ actor: 'token:late' }));
  const closed = ledger.close();
  ledger.record(use({ actor: 'token:too-late' }));
  store.resolve();
  await closed;
  expect(batches.map((batch) => batch.map(({ actor }) => actor))).toEqual([['token:a'], ['token:late']]);
  expect(timers).toEqual([]);
});

test('closing finishes also if the store is unavailable, and reports the loss', async () => {
  const { ledger, failures, losses } = Object.assign(bench(), { answer: () => Promise.reject(new Error('gone')) });
  ledger.record(use());
  ledger.record(use());
  await ledger.close();
  expect([failures.length, losses]).toEqual([1, [2]]);
});

test('an empty ledger writes nothing', async () => {
  const { ledger, batches } = bench();
  await ledger.close();
  expect(batches).toEqual([]);
});
