// Long work takes a few milliseconds of each turn of the event loop, in the order in which it was queued; in between other work runs.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTurns } from '../../../src/server/http/turns.ts';

/** The number of turns of the loop so far. */
let turn = 0;
let ticker: NodeJS.Immediate;

beforeEach(() => {
  const tick = (): void => {
    turn += 1;
    ticker = setImmediate(tick);
  };
  ticker = setImmediate(tick);
});

afterEach(() => clearImmediate(ticker));

const nextTurn = () => new Promise((resolve) => void setImmediate(resolve));

/** Work that takes this long on a clock of its own. */
function worker(pieceMs: number) {
  let nowMs = 0;
  const { later, isOver } = createTurns(() => nowMs, 5);
  const piecesOfTurns = new Map<number, number>();
  const work = (): void => {
    nowMs += pieceMs;
    piecesOfTurns.set(turn, (piecesOfTurns.get(turn) ?? 0) + 1);
  };
  return { later, isOver, work, pieces: () => [...piecesOfTurns.values()] };
}

test('pieces of 2 ms that wait run at most three in a turn of 5 ms, in their order', async () => {
  const { later, work, pieces } = worker(2);
  const done: number[] = [];
  await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      done.push(await later(index));
      work();
    }),
  );
  expect(done).toEqual(Array.from({ length: 30 }, (_, index) => index));
  expect(Math.max(...pieces())).toBe(3);
  expect(pieces().length).toBeGreaterThanOrEqual(10);
});

test('a piece that takes longer than a turn is alone in it, and the next one waits for another', async () => {
  const { later, work, pieces } = worker(50);
  await Promise.all(Array.from({ length: 5 }, () => later(undefined).then(work)));
  expect(pieces()).toEqual([1, 1, 1, 1, 1]);
});

test('what a piece does over several promises counts before the next one begins', async () => {
  const { later, work, pieces } = worker(2);
  const deep = async (): Promise<void> => {
    await later(undefined);
    for (let hop = 0; hop < 20; hop += 1) await Promise.resolve();
    work();
  };
  await Promise.all(Array.from({ length: 30 }, deep));
  expect(Math.max(...pieces())).toBe(3);
});

test('a turn is over when its time is used up, whoever used it, and the next one begins with all of it', async () => {
  const { isOver, work } = worker(5);
  expect(isOver()).toBe(false);
  work();
  expect([isOver(), isOver()]).toEqual([true, true]);
  await nextTurn();
  expect(isOver()).toBe(false);
});

test('what waits while other pieces run waits behind them', async () => {
  const { later } = worker(0);
  const order: string[] = [];
  const first = async (): Promise<void> => {
    order.push(await later('first'));
    order.push(await later('nested'));
  };
  const second = async (): Promise<void> => void order.push(await later('second'));
  await Promise.all([first(), second()]);
  expect(order).toEqual(['first', 'second', 'nested']);
});
