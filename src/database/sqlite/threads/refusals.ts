// Words why a thread of the store did not run a call, or not to its end.

import type { Problem } from '../../../core/shared/problem.ts';
import { maybeStored, storageUnavailable } from '../../errors.ts';

/** The call waited too long, or found the queue full. */
export function busy(): Problem {
  return storageUnavailable('The storage is busy: more calls wait for it than it can answer in time.', 'BUSY');
}

/** The read was ended. */
export function tooLong(): Problem {
  return storageUnavailable(
    'This read took too long, so it was ended. Narrow it by a filter or a shorter page.',
    'READ_TOO_LONG',
  );
}

/** The thread died while it held a write. */
export function lostWrite(): Problem {
  return maybeStored('THREAD_ENDED');
}
