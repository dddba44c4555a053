// Notes when tokens were last used, in memory, and writes it in batches: no request waits for a commit.

import type { Timer } from '../shared/time.ts';
import type { AccessStore } from './store.ts';

/** About as fine as anybody asks "is it still used?", and one small transaction a minute. */
const flushIntervalMs = 60_000;

export interface TokenUses {
  /** Takes note that a token logged in. */
  record(id: string, at: Date): void;
  /** Writes what is left. Never rejects. */
  close(): Promise<void>;
}

export interface TokenUseOptions {
  readonly access: Pick<AccessStore, 'noteTokenUses'>;
  readonly schedule: Timer;
  /** Told of a batch that could not be written; its times are lost, and the next use is noted again. */
  readonly onFailure: (fault: unknown) => void;
}

export function createTokenUses({ access, schedule, onFailure }: TokenUseOptions): TokenUses {
  let pending = new Map<string, Date>();
  let stopWaiting: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const uses = pending;
    pending = new Map();
    try {
      if (uses.size > 0) await access.noteTokenUses(uses);
    } catch (fault) {
      onFailure(fault);
    }
  };
  const flush = (): void => {
    stopWaiting = undefined;
    writing = write();
  };
  return {
    record(id, at) {
      pending.set(id, at);
      stopWaiting ??= schedule(flush, flushIntervalMs);
    },
    async close() {
      stopWaiting?.();
      await writing;
      await write();
    },
  };
}
