// Implements the `Timer` port of the core with the timers of Node.js.

/** Calls `run` once after `delayMs`, unless the returned function is called before. */
export function setTimer(run: () => void, delayMs: number): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}
