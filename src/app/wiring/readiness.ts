// Decides whether the server is ready: it is not while it stops, and while its storage does not answer.

import { setTimeout as pause } from 'node:timers/promises';
import { adminAccount } from '../../core/authz/principal.ts';
import { storageCodeOf } from '../../database/errors.ts';
import type { Store } from '../../database/store.ts';
import type { FailedCheck } from '../../server/http/health.ts';
import type { StorageFailures } from '../../server/ops/storage-failures.ts';

/** Milliseconds. The query takes a few; probes give up after 1 to 5 s. */
const maxAnswerMs = 2_000;

/** The code of a storage that is silent. */
const noAnswer = 'NO_ANSWER';

/** The readiness of one server. */
export interface Readiness {
  /** Makes the server not ready for good. */
  announceStop(): void;
  /** Returns what keeps it from being ready. */
  failedChecks(): Promise<readonly FailedCheck[]>;
}

/** The dependencies of the readiness. */
export interface ReadinessParts {
  /** Its failures are reported to `failures`. */
  readonly store: Pick<Store, 'access'>;
  readonly failures: Pick<StorageFailures, 'observe' | 'noteAnswer' | 'current'>;
  readonly now: () => Date;
}

/** Creates the readiness of a server that does not stop yet. */
export function createReadiness({ store, failures, now }: ReadinessParts): Readiness {
  let stoppingSince: Date | undefined;
  let isAway = false;
  const queryStorage = async (): Promise<string | undefined> => {
    const answer = store.access.accountExists(adminAccount).then(
      () => undefined,
      (error: unknown) => storageCodeOf(error) ?? 'UNKNOWN',
    );
    const code = await Promise.race([answer, pause(maxAnswerMs, noAnswer, { ref: false })]);
    // Every other failure was reported by the store itself.
    if (code === noAnswer) failures.observe(noAnswer, 'readiness');
    return code;
  };
  let current: Promise<string | undefined> | undefined;
  /** Probes that arrive during a query share it: they require no authentication, and a flood of them must not fill the queue of the database. */
  const storageCode = (): Promise<string | undefined> =>
    (current ??= queryStorage().finally(() => {
      current = undefined;
    }));
  return {
    announceStop: () => {
      stoppingSince ??= now();
    },
    async failedChecks() {
      if (stoppingSince !== undefined) return [{ check: 'shutdown', code: 'STOPPING', since: stoppingSince }];
      const code = await storageCode();
      const wasAway = isAway;
      isAway = code !== undefined;
      if (code !== undefined) return [{ check: 'storage', code, since: failures.current()?.since ?? now() }];
      // That this read is answered says nothing of other calls: on a full disk all writes fail.
      if (wasAway) failures.noteAnswer();
      return [];
    },
  };
}
