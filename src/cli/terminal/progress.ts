// Shows how far a long command is, on one line of the terminal that is written again and again, and is gone at the end.

import { noProgress, type Progress } from '../../core/shared/progress.ts';

/** Milliseconds between two writes of the same step: a person reads no faster. */
const intervalMs = 100;
/** Moves to the start of the line and erases it (ECMA-48 §8.3.41). */
const eraseLine = '\r\u001B[2K';

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Runs a command with a line of progress on standard error, where that is a terminal.
 * @param run is called with what shows a step, and with what writes the result in its place.
 * @param options.hidden shows nothing, for a result that goes to the same terminal piece by piece.
 */
export async function withProgress<Result>(
  run: (progress: Progress, print: (text: string) => void) => Promise<Result>,
  { terminal = process.stderr, hidden = false }: { readonly terminal?: Terminal; readonly hidden?: boolean } = {},
): Promise<Result> {
  const progress = terminal.isTTY === true && !hidden ? progressOn(terminal) : noProgress;
  const print = (text: string): void => {
    progress('');
    process.stdout.write(text);
  };
  try {
    return await run(progress, print);
  } finally {
    progress('');
  }
}

function progressOn(terminal: Terminal): Progress {
  let shown = { step: '', at: 0 };
  return (step, done) => {
    const now = performance.now();
    if (step === shown.step && (step === '' || now - shown.at < intervalMs)) return;
    shown = { step, at: now };
    const text = done === undefined ? `${step} …` : `${step}: ${done.toLocaleString('en')}`;
    // A longer line would not be erased as a whole.
    terminal.write(eraseLine + (step === '' ? '' : text.slice(0, (terminal.columns ?? 80) - 1)));
  };
}
