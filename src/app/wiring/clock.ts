// Implements the core's ports of time with the timers and clocks of Node.js.

/** Calls `run` once after `delayMs`, unless the returned function is called before. */
export function setTimer(run: () => void, delayMs: number): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}

/** Returns milliseconds of a clock that only runs forward, whatever is set on the machine. For durations within this process. */
export const monotonicMs = (): number => performance.now();
