// Ends the wait for a database that does not answer, whatever its driver still waits for.

import { Problem } from '../../core/shared/problem.ts';

export interface Deadline {
  /** @throws Problem `STORAGE_UNAVAILABLE` once the time is over: nobody waits for the work any more. */
  check(): void;
}

/** Runs work that is given up in time. */
export type Within = <T>(work: (deadline: Deadline) => Promise<T>) => Promise<T>;

export interface DeadlineOptions {
  readonly limitMs: number;
  /** So much work may run or wait at a time, that counted in which was given up and has not ended. More is refused at once. */
  readonly maxRunning: number;
  /** Is told of each work that is given up. */
  readonly onOver: () => void;
}

/** Makes `Within`; work that it gives up or refuses ends with the Problem `STORAGE_UNAVAILABLE`. */
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

/** For a database that cannot keep anybody waiting. */
export const withoutDeadline: Within = (work) => work({ check: () => undefined });

function overAfter(limitMs: number) {
  let isOver = false;
  const { promise: rejection, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    isOver = true;
    reject(unanswered());
  }, limitMs);
  return {
    rejection,
    isOver: () => isOver,
    stop: () => clearTimeout(timer),
    check() {
      if (isOver) throw unanswered();
    },
  };
}

function unanswered(): Problem {
  return new Problem('STORAGE_UNAVAILABLE', 'The storage does not answer at the moment; try again shortly.');
}
