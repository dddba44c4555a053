// The port to a timer.

/** Runs something once after a time, unless what it gives is called before. */
export type Schedule = (run: () => void, delayMs: number) => () => void;
