// Limits how long a call waits for a database that does not answer, regardless of what its driver still waits for.

import type { Problem } from '../../core/shared/problem.ts';
import { maybeStored, storageUnavailable } from '../errors.ts';

export interface Deadline {
  /** @throws Problem `STORAGE_UNAVAILABLE` once the time is over, because no caller waits for the work any longer. */
  check(): void;
  /** As `check`, for work that commits next: if the time is over later, the caller is told that the work may be stored. */
  beforeCommit(): void;
}

/** Runs work, and rejects if it takes too long. */
export type Within = <T>(work: (deadline: Deadline) => Promise<T>) => Promise<T>;

export interface DeadlineOptions {
  readonly limitMs: number;
  /** Maximum number of calls that run or wait, including those that timed out and have not ended. More are rejected at once. */
  readonly maxRunning: number;
  /** Is called for each call that timed out. */
  readonly onOver: () => void;
}

/** Creates a `Within`. Calls that time out or exceed `maxRunning` reject with the Problem `STORAGE_UNAVAILABLE`, which says whether they may be stored. */
export function withinDeadline({ limitMs, maxRunning, onOver }: DeadlineOptions): Within {
  let running = 0;
  return async (work) => {
    if (running >= maxRunning) throw unanswered();
    running += 1;
    const over = overAfter(limitMs);
    const done = work(over).finally(() => {
      running -= 1;
    });
    try {
      return await Promise.race([done, over.rejection]);
    } finally {
      over.stop();
      if (over.isOver()) onOver();
    }
  };
}

/** The deadline of work that may take as long as it needs. */
export const endless: Deadline = { check: () => undefined, beforeCommit: () => undefined };

/** For a database in this process, which always answers. */
export const withoutDeadline: Within = (work) => work(endless);

function overAfter(limitMs: number) {
  let isOver = false;
  let isCommitting = false;
  const { promise: rejection, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    isOver = true;
    reject(isCommitting ? maybeStored('NO_ANSWER') : unanswered());
  }, limitMs);
  const check = (): void => {
    if (isOver) throw unanswered();
  };
  return {
    rejection,
    isOver: () => isOver,
    stop: () => clearTimeout(timer),
    check,
    beforeCommit() {
      check();
      isCommitting = true;
    },
  };
}

function unanswered(): Problem {
  return storageUnavailable('The storage is not answering.', 'NO_ANSWER');
}
