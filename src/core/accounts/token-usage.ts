// Records in memory when tokens were last used, and writes it in batches, so that no request waits for a commit.

import type { Timer } from '../shared/time.ts';
import type { AccessStore } from './store.ts';

/** Milliseconds between two writes: precise enough to tell whether a token is still used, and one small transaction a minute. */
const flushIntervalMs = 60_000;

/** Records the last use of tokens. */
export interface TokenUses {
  /** Records that a token authenticated. */
  record(id: string, at: Date): void;
  /** Writes the remaining times. Never rejects. */
  close(): Promise<void>;
}

/** The ports of `createTokenUses`. */
export interface TokenUseOptions {
  readonly access: Pick<AccessStore, 'noteTokenUses'>;
  readonly setTimer: Timer;
  /** Called when a batch could not be written. Its times are lost; the next use is recorded again. */
  readonly onFailure: (fault: unknown) => void;
}

/** Creates an empty record of token uses. */
export function createTokenUses({ access, setTimer, onFailure }: TokenUseOptions): TokenUses {
  let pending = new Map<string, Date>();
  let cancelTimer: (() => void) | undefined;
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
    cancelTimer = undefined;
    writing = write();
  };
  return {
    record(id, at) {
      pending.set(id, at);
      cancelTimer ??= setTimer(flush, flushIntervalMs);
    },
    async close() {
      cancelTimer?.();
      await writing;
      await write();
    },
  };
}
