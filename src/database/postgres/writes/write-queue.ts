// Keeps what waits to be written in a bounded queue that is fair to its callers, and hands it on in the order of their turns, a batch at a time.

import { setImmediate } from 'node:timers/promises';
import { tooManyWrites } from '../../errors.ts';
import { FairQueue, type Waiting } from '../../fair-queue.ts';
import type { Deadline } from '../deadline.ts';

/** A write that waits for its turn. */
export interface Write extends Waiting {
  /** Of its caller. */
  readonly deadline: Deadline;
  readonly reject: (error: unknown) => void;
}

export interface WriteQueue<Item extends Write> {
  /** Adds a write. If the queue is full, it or one of the longest lane is rejected with the Problem `RATE_LIMITED`. */
  add(item: Item): void;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

export interface WriteQueueOptions<Item> {
  /** Maximum number of writes in one batch. */
  readonly maxBatch: number;
  /** Runs a batch to its end. Never rejects. */
  readonly run: (batch: readonly Item[]) => Promise<void>;
}

/** Writes that wait: each takes a few KB, and at 500 writes a second the last waits for two seconds. */
const maxWaiting = 1_000;

/** Creates the queue of one connection. */
export function createWriteQueue<Item extends Write>({ maxBatch, run }: WriteQueueOptions<Item>): WriteQueue<Item> {
  const queue = new FairQueue<Item>(maxWaiting);
  let running: Promise<void> | undefined;
  const takeBatch = (): Item[] => {
    const batch: Item[] = [];
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      if (isAwaited(next)) batch.push(next);
      if (batch.length === maxBatch) break;
    }
    return batch;
  };
  const runAll = async (): Promise<void> => {
    // Requests that arrived together are all read in one turn of the event loop; this waits for its end.
    await setImmediate();
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) {
      await run(batch);
      await setImmediate();
    }
    running = undefined;
  };
  return {
    add(item) {
      queue.add(item)?.reject(tooManyWrites());
      running ??= runAll();
    },
    idle: async () => running,
  };
}

/** Rejects a write whose caller waits no longer. Returns whether it still does. */
export function isAwaited({ deadline, reject }: Write): boolean {
  try {
    deadline.check();
    return true;
  } catch (error) {
    reject(error);
    return false;
  }
}
