// Words why a thread of the store did not run a call, or not to its end.

import { Problem } from '../../../core/shared/problem.ts';

/** Milliseconds after which a refused caller may come again. */
const retryMs = 2_000;

/** @param message whole sentences. */
export function unavailable(message: string): Problem {
  return new Problem('STORAGE_UNAVAILABLE', `${message} Try again in a few seconds.`, {
    retryAfter: Date.now() + retryMs,
  });
}

/** The call waited too long, or found the queue full. */
export function busy(): Problem {
  return unavailable('The storage is busy: more calls wait for it than it can answer in time.');
}

/** The read was ended. */
export function tooLong(): Problem {
  return unavailable('This read took too long, so it was ended. Narrow it by a filter or a shorter page.');
}

/** The thread died while it held a write. */
export function lostWrite(): Problem {
  return new Problem(
    'STORAGE_UNAVAILABLE',
    'The storage stopped during this call, which may have been stored. Read before you repeat it.',
    { retryAfter: Date.now() + retryMs },
  );
}
