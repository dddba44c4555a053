// The timer that ledgers are handed.

/** Runs something once after a time, unless what it gives is called before. */
export function setTimer(run: () => void, delayMs: number): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}
