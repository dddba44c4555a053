// Lets requests through one at a time while their password may be replaced at any moment, so that a change is met by one of them alone.

export interface KeyedMutex {
  /**
   * Runs when those before have their answers.
   * @param isRefusal whether an answer shows that the password is refused; those behind it then fail without being sent.
   * @throws what `refusal` gives, for a request behind a refused one.
   */
  runExclusive<Answer>(
    key: string,
    run: () => Promise<Answer>,
    isRefusal: (response: Answer) => boolean,
    refusal: () => Error,
  ): Promise<Answer>;
}

interface Queue {
  last: Promise<unknown>;
  waiting: number;
  /** Epoch milliseconds. */
  refusedUntilMs: number;
}

/** A request that hangs holds up the one behind it this long and no longer: a second wrong login is better than no pulls. */
const maxTurnMs = 3_000;

/** Long enough for all that came at the same time; the refused password is kept back elsewhere for longer. */
const refusalMs = 10_000;

/** No queues. */
export function createKeyedMutex(now: () => Date): KeyedMutex {
  const queues = new Map<string, Queue>();
  const queueOf = (key: string): Queue => {
    for (const [other, { waiting, refusedUntilMs }] of queues)
      if (waiting === 0 && refusedUntilMs < now().getTime()) queues.delete(other);
    const queue = queues.get(key) ?? { last: Promise.resolve(), waiting: 0, refusedUntilMs: 0 };
    queues.set(key, queue);
    return queue;
  };
  return {
    async runExclusive(key, run, isRefusal, refusal) {
      const queue = queueOf(key);
      const { last } = queue;
      const { promise: mine, resolve: done } = Promise.withResolvers<void>();
      queue.last = mine;
      queue.waiting += 1;
      const timer: { ending?: NodeJS.Timeout } = {};
      try {
        await last;
        timer.ending = setTimeout(done, maxTurnMs);
        if (queue.refusedUntilMs > now().getTime()) throw refusal();
        const response = await run();
        if (isRefusal(response)) queue.refusedUntilMs = now().getTime() + refusalMs;
        return response;
      } finally {
        clearTimeout(timer.ending);
        queue.waiting -= 1;
        done();
      }
    },
  };
}
