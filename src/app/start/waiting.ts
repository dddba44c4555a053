// Waits at the start for a database that is away, for as long as a setting says.

import { Problem } from '../../core/shared/problem.ts';
import { DatabaseAwayError, storageCodeOf } from '../../database/errors.ts';
import type { FailedCheck } from '../../server/http/health.ts';
import type { Log } from '../../server/ops/log.ts';

/** Milliseconds between two attempts: short enough for a start, and long enough that many replicas do not flood a server that starts. */
const retryMs = 2_000;
/** Milliseconds between two lines in the log. */
const logEveryMs = 60_000;
/** In place of the code of a driver. */
const noAnswer = 'NO_ANSWER';

export interface WaitOptions {
  /** Milliseconds to wait; 0 for a single attempt. */
  readonly waitMs: number;
  /** Resolves when the process shall stop. */
  readonly stopping: Promise<unknown>;
  readonly log: Pick<Log, 'warn'>;
  /** Is called once, before the first pause. @param check returns why the last attempt failed, without a name of the database. */
  readonly onWait: (check: () => FailedCheck) => Promise<void>;
}

/**
 * Opens the database, and tries again until it is available.
 * @returns undefined if the process shall stop before that.
 * @throws what `open` throws if waiting cannot help; DatabaseAwayError if it did not within the time.
 */
export async function openWhenThere<Store>(
  open: () => Promise<Store>,
  { waitMs, stopping, log, onWait }: WaitOptions,
): Promise<Store | undefined> {
  const began = performance.now();
  const stopped = { isStopped: false };
  const stop = stopping.then(() => (stopped.isStopped = true));
  const since = new Date();
  let code: string | undefined;
  let loggedAt = -Infinity;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const away = awayFrom(error);
      if (away === undefined) throw error;
      if (waitMs === 0) throw away.passes ? away : withHint(away);
      const waitedMs = performance.now() - began;
      if (waitedMs >= waitMs)
        throw new DatabaseAwayError(`${away.message} Regway waited ${waitMs / 1_000} s for it.`, true);
      const isFirst = code === undefined;
      code = away.code ?? noAnswer;
      if (isFirst) await onWait(() => ({ check: 'storage', code: code ?? noAnswer, since }));
      if (waitedMs - loggedAt >= logEveryMs) {
        log.warn(
          { reason: away.message, waitSeconds: waitMs / 1_000 },
          'the database is away, and the start waits for it',
        );
        loggedAt = waitedMs;
      }
    }
    await pauseUnless(stop);
    if (stopped.isStopped) return undefined;
  }
}

/** Only a start waits: other commands that meet the same failure must not say so. */
function withHint({ message, code }: DatabaseAwayError): DatabaseAwayError {
  return new DatabaseAwayError(
    `${message} To wait for a database that starts later, set REGWAY_DATABASE_WAIT.`,
    false,
    code,
  );
}

async function pauseUnless(stop: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, retryMs);
  await Promise.race([promise, stop]);
  clearTimeout(timer);
}

/** Returns the failure if waiting may end it. */
function awayFrom(error: unknown): DatabaseAwayError | undefined {
  if (error instanceof DatabaseAwayError) return error;
  return error instanceof Problem && error.code === 'STORAGE_UNAVAILABLE'
    ? new DatabaseAwayError(error.message, true, storageCodeOf(error))
    : undefined;
}
