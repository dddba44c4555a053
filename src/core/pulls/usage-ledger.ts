// The ledger: counts the uses of credentials in memory and writes them in batches, so that no pull waits for a commit.
// It stands in the core because what counts as one, what is kept and what is dropped are rules; the timer is handed in.

import type { Timer } from '../shared/time.ts';
import type { CountedUse, UseLedger, UseStore } from './usage.ts';

/** Soon enough to ask "was it used just now?", and one small transaction a second at most while pulls are few. */
const flushIntervalMs = 1_000;
/** Beyond it a batch is written at once, which keeps what a crash can lose small. */
const flushUses = 500;
/** Different counts kept while the store is slow or away: some 5 MB. */
const maxPendingCounts = 10_000;

export interface LedgerOptions {
  readonly store: Pick<UseStore, 'addUses'>;
  readonly schedule: Timer;
  /** Told of a batch that could not be written; it is kept and written with the next. */
  readonly onFailure: (fault: unknown) => void;
  /** Told how many uses found no room or, at the end, no store, and are not counted. */
  readonly onLoss: (uses: number) => void;
}

export interface Ledger extends UseLedger {
  /** Writes what is left. Never rejects; what cannot be written is a loss. Uses recorded afterwards are not counted. */
  close(): Promise<void>;
}

/** An empty ledger over a store. A crash loses the uses of the last second, never a registry. */
export function createLedger({ store, schedule, onFailure, onLoss }: LedgerOptions): Ledger {
  const pending = new PendingUses();
  let writing: Promise<void> | undefined;
  let stopWaiting: (() => void) | undefined;
  let failing = false;
  let closed = false;

  const write = async (): Promise<void> => {
    const batch = pending.take();
    try {
      if (batch.length > 0) await store.addUses(batch);
      failing = false;
    } catch (fault) {
      failing = true;
      for (const use of batch) pending.add(use);
      onFailure(fault);
    }
    const lost = pending.takeLoss();
    if (lost > 0) onLoss(lost);
  };
  const startWriting = (): void => {
    stopWaiting?.();
    stopWaiting = undefined;
    writing = write().finally(() => {
      writing = undefined;
      wait();
    });
  };
  const wait = (): void => {
    if (closed || pending.isEmpty || stopWaiting !== undefined) return;
    stopWaiting = schedule(startWriting, flushIntervalMs);
  };

  return {
    record({ at, account: _account, ...use }) {
      if (closed) return;
      pending.add({ ...use, count: 1, lastAt: at });
      if (writing !== undefined) return;
      // A store that is away is not asked more often because more is pulled.
      if (pending.uses >= flushUses && !failing) startWriting();
      else wait();
    },
    async close() {
      closed = true;
      stopWaiting?.();
      await writing;
      await write();
      const left = pending.take();
      if (left.length > 0) onLoss(totalOf(left));
    },
  };
}

/** Counts that wait to be written, equal ones merged. */
class PendingUses {
  #counts = new Map<string, CountedUse>();
  #uses = 0;
  #lost = 0;

  /** How many uses wait, whatever they merged to. */
  get uses(): number {
    return this.#uses;
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(use: CountedUse): void {
    const key = keyOf(use);
    const known = this.#counts.get(key);
    if (known === undefined && this.#counts.size >= maxPendingCounts) {
      this.#lost += use.count;
      return;
    }
    this.#counts.set(key, known === undefined ? use : merge(known, use));
    this.#uses += use.count;
  }

  take(): CountedUse[] {
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#uses = 0;
    return counts;
  }

  takeLoss(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }
}

function keyOf({ registryId, registryVersion, actor, image, outcome }: CountedUse): string {
  return JSON.stringify([registryId, registryVersion, actor, image, outcome]);
}

function merge(one: CountedUse, other: CountedUse): CountedUse {
  return { ...one, count: one.count + other.count, lastAt: one.lastAt > other.lastAt ? one.lastAt : other.lastAt };
}

function totalOf(uses: readonly CountedUse[]): number {
  return uses.reduce((sum, { count }) => sum + count, 0);
}
