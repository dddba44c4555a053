// The control: a process that only wakes every 10 ms and records how much too late. What it sees too is the machine's delay, not the server's.

import { answerRequests, sharedClock } from './helper-process.ts';

/** A delay: when it ended, on the shared clock, and how long it was, in milliseconds. */
export interface Delay {
  readonly endedAt: number;
  readonly durationMs: number;
}

const wakeIntervalMs = 10;
/** Shorter ones are the timer's own. */
const minDelayMs = 5;

let delays: Delay[] = [];
let due = sharedClock() + wakeIntervalMs;

function wake(): void {
  const now = sharedClock();
  if (now - due >= minDelayMs) delays.push({ endedAt: now, durationMs: now - due });
  due = now + wakeIntervalMs;
  setTimeout(wake, wakeIntervalMs);
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  setTimeout(wake, wakeIntervalMs);
  answerRequests(() => delays.splice(0));
}
