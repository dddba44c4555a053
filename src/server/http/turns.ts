// Divides long work among turns of the event loop, so that other requests are served between its pieces.
// Written by hand: the schedulers of libraries run each task in a turn of its own, which costs more than most pieces, or do not know how long a turn already took.

/** Milliseconds of one turn that all long work together takes. A request needs some turns, each of which can begin this much later. */
const defaultTurnMs = 5;

export interface Turns {
  /** Returns whether long work has had its time in this turn. Then let the rest wait for a later one. */
  isOver(this: void): boolean;
  /** Resolves to the value in a turn that has time left, in the order of the calls. What then runs at once should be short. */
  later<Value>(this: void, value: Value): Promise<Value>;
  /** Resolves in a turn in which nothing else that waits begins: for work that needs an unknown part of it. */
  alone(this: void): Promise<void>;
}

interface Piece {
  readonly begin: () => void;
  readonly isAlone: boolean;
}

/** @param now Returns milliseconds of a monotonic clock. @param turnMs Defaults to 5. */
export function createTurns(now: () => number = () => performance.now(), turnMs = defaultTurnMs): Turns {
  let waiting: Piece[] = [];
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
      for (const piece of pieces) {
        begin();
        piece.begin();
        // The piece itself runs first: it waits for a promise that has just been resolved.
        await Promise.resolve();
        if (piece.isAlone || isOver()) await nextTurn();
      }
    }
    isRunning = false;
  };
  const wait = (piece: Piece): void => {
    waiting.push(piece);
    if (isRunning) return;
    isRunning = true;
    setImmediate(() => void run());
  };
  return {
    isOver,
    later: (value) => new Promise((resolve) => wait({ begin: () => resolve(value), isAlone: false })),
    alone: () => new Promise((resolve) => wait({ begin: resolve, isAlone: true })),
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** The turns of this process. */
export const turns = createTurns();
