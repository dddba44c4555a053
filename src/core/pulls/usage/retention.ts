// Deletes counts of usage that are older than an age, in small steps and on one server at a time.

import type { Timer } from '../../shared/time.ts';
import type { UseStore } from './uses.ts';

/** Milliseconds from the start of a server to its first sweep, so that a server that is restarted every day sweeps too. */
const firstSweepMs = 5 * 60_000;
/** Milliseconds between two sweeps. Far below the shortest age. */
const sweepMs = 60 * 60_000;
/** Registries per read. */
const pageSize = 100;
/** Milliseconds between two deletions of up to 1,000 counts each, so that other changes do not wait. */
const pauseMs = 20;

/** The ports and the age. */
export interface UsageRetentionPorts {
  readonly uses: Pick<UseStore, 'registriesUsedBefore' | 'deleteUsesBefore'>;
  /** Milliseconds for which a count is kept after its last use. */
  readonly keptMs: number;
  readonly now: () => Date;
  readonly setTimer: Timer;
  /** Called after a sweep that deleted counts. */
  readonly onDeleted: (counts: number) => void;
  /** Called when a sweep fails. The next one tries again. */
  readonly onFailure: (fault: unknown) => void;
}

/** A running schedule. */
export interface UsageRetention {
  /** Deletes the counts that are too old now, unless another server does. Never rejects. */
  sweep(): Promise<void>;
  /** Starts no further deletion and waits for the running one. */
  close(): Promise<void>;
}

/** Starts the schedule. */
export function startUsageRetention(ports: UsageRetentionPorts): UsageRetention {
  const state = { isClosed: false };
  let running: Promise<void> | undefined;
  const sweep = (): Promise<void> =>
    (running ??= deleteOld(ports, state)
      .catch(ports.onFailure)
      .finally(() => (running = undefined)));
  const schedule = (delayMs: number): (() => void) =>
    ports.setTimer(() => void sweep().then(() => state.isClosed || (cancelTimer = schedule(sweepMs))), delayMs);
  let cancelTimer = schedule(firstSweepMs);
  return {
    sweep,
    async close() {
      state.isClosed = true;
      cancelTimer();
      await running;
    },
  };
}

async function deleteOld(ports: UsageRetentionPorts, state: { readonly isClosed: boolean }): Promise<void> {
  const { uses, keptMs, now, onDeleted } = ports;
  const before = new Date(now().getTime() - keptMs);
  let deleted = 0;
  try {
    for (let after: string | undefined = ''; after !== undefined;) {
      const ids: readonly string[] = await uses.registriesUsedBefore(before, after, pageSize);
      for (const id of ids) {
        if (state.isClosed) return;
        const counts = await uses.deleteUsesBefore(id, before);
        if (counts === undefined) return;
        deleted += counts;
        await pause(ports.setTimer);
      }
      after = ids.length < pageSize ? undefined : ids.at(-1);
    }
  } finally {
    if (deleted > 0) onDeleted(deleted);
  }
}

function pause(setTimer: Timer): Promise<void> {
  return new Promise((resolve) => {
    setTimer(resolve, pauseMs);
  });
}
