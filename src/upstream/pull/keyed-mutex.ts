// Runs requests with one key one at a time, while their password can be replaced at any moment: only one of them meets the change.
// Written by hand: a general mutex neither lets the next request start after a time nor fails those behind a rejected one.

import { orAborted } from '../../core/pulls/abort.ts';

export interface KeyedMutex {
  /**
   * Runs a request once the one before it has its response, or after 3 seconds.
   * @param isRefusal Whether a response rejects the password; the requests behind it then fail without being sent.
   * @param signal Ends the wait of this request. Those behind it still wait for the one before it.
   * @throws what `refusal` returns, for a request behind a rejected one; the signal's reason.
   */
  runExclusive<Answer>(
    key: string,
    run: () => Promise<Answer>,
    isRefusal: (response: Answer) => boolean,
    refusal: () => Error,
    signal?: AbortSignal,
  ): Promise<Answer>;
}

interface Queue {
  last: Promise<unknown>;
  waiting: number;
  /** Monotonic milliseconds. */
  refusedUntilMs: number;
}

/** Milliseconds that a request delays the one behind it at most: a second wrong login is better than no pulls. */
const maxTurnMs = 3_000;

/** Milliseconds; long enough for all requests of one moment. The circuit breaker withholds a rejected password for longer. */
const refusalMs = 10_000;

/** Creates a mutex without any queues. @param monotonicMs Returns milliseconds of a clock that only runs forward. */
export function createKeyedMutex(monotonicMs: () => number): KeyedMutex {
  const queues = new Map<string, Queue>();
  const queueOf = (key: string): Queue => {
    for (const [other, { waiting, refusedUntilMs }] of queues)
      if (waiting === 0 && refusedUntilMs < monotonicMs()) queues.delete(other);
    const queue = queues.get(key) ?? { last: Promise.resolve(), waiting: 0, refusedUntilMs: 0 };
    queues.set(key, queue);
    return queue;
  };
  return {
    async runExclusive(key, run, isRefusal, refusal, signal) {
      const queue = queueOf(key);
      const { last } = queue;
      const { promise: mine, resolve: endTurn } = Promise.withResolvers<void>();
      queue.last = mine;
      queue.waiting += 1;
      const timer: { ending?: NodeJS.Timeout } = {};
      try {
        await orAborted(last, signal);
        timer.ending = setTimeout(endTurn, maxTurnMs);
        if (queue.refusedUntilMs > monotonicMs()) throw refusal();
        const response = await run();
        if (isRefusal(response)) queue.refusedUntilMs = monotonicMs() + refusalMs;
        return response;
      } finally {
        clearTimeout(timer.ending);
        queue.waiting -= 1;
        void last.then(() => endTurn());
      }
    },
  };
}
