// Divides long work among turns of the event loop, so that other requests are served between its pieces.
// Written by hand: the schedulers of libraries run each task in a turn of its own, which costs more than most pieces, or do not know how long a turn already took.

/** Milliseconds of one turn that all long work together takes. A request needs some turns, each of which can begin this much later. */
const defaultTurnMs = 5;

export interface Turns {
  /** Returns whether long work has had its time in this turn. Then let the rest wait for a later one. */
  isOver(this: void): boolean;
  /**
   * Resolves to the value in a turn that has time left, in the order of the calls. What then runs, over any number of promises without waiting for
   * another turn, counts before the next one resolves, and should be short.
   */
  later<Value>(this: void, value: Value): Promise<Value>;
}

/** @param now Returns milliseconds of a monotonic clock. @param turnMs Defaults to 5. */
export function createTurns(now: () => number = () => performance.now(), turnMs = defaultTurnMs): Turns {
  let waiting: (() => void)[] = [];
  let isRunning = false;
  /** When long work began in this turn; undefined while none has. */
  let begunMs: number | undefined;
  const begin = (): number => {
    if (begunMs === undefined) setImmediate(() => (begunMs = undefined));
    return (begunMs ??= now());
  };
  const isOver = (): boolean => {
    const sinceMs = begin();
    return now() - sinceMs >= turnMs;
  };
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const pieces = waiting;
      waiting = [];
      for (const beginPiece of pieces) {
        begin();
        beginPiece();
        await promisesSettled();
        if (isOver()) await nextTurn();
      }
    }
    isRunning = false;
  };
  const wait = (beginPiece: () => void): void => {
    waiting.push(beginPiece);
    if (isRunning) return;
    isRunning = true;
    setImmediate(() => void run());
  };
  return { isOver, later: (value) => new Promise((resolve) => wait(() => resolve(value))) };
}

/** Resolves when no promise that is already resolved has a reaction to run: Node then runs what waits for the next tick. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** The turns of this process. */
export const turns = createTurns();
