// Counts uses of credentials in memory and writes them in batches, so that no pull waits for a commit.
// Part of the core, because which uses count as one and which are dropped are rules. The timer is a port.

import type { Timer } from '../../shared/time.ts';
import { createPullCounter } from './pull-counter.ts';
import type { CountedUse, UseLedger, UseStore } from './uses.ts';

/** Milliseconds between two writes: recent enough to see a use, and at most one small transaction a second while pulls are few. */
const flushIntervalMs = 1_000;
/** Uses after which a batch is written at once, which bounds the loss in a crash. */
const flushUses = 500;
/** Maximum number of distinct counts in memory while the database is slow or unavailable: some 5 MB. */
const maxPendingCounts = 10_000;

/** The ports of a ledger. */
export interface LedgerOptions {
  readonly store: Pick<UseStore, 'addUses'>;
  readonly setTimer: Timer;
  /** Returns milliseconds of a clock that only runs forward. */
  readonly monotonicMs: () => number;
  /** Called when a batch could not be written. It is written with the next one. */
  readonly onFailure: (fault: unknown) => void;
  /** Called with the number of uses that exceeded the limit or could not be written at the end, and are not counted. */
  readonly onLoss: (uses: number) => void;
}

/** A ledger that can be closed. */
export interface Ledger extends UseLedger {
  /** Returns the number of uses that are not written yet. */
  unwritten(): number;
  /** Writes the remaining uses. Never rejects; uses that cannot be written are lost. Uses recorded afterwards are not counted. */
  close(): Promise<void>;
}

/** Creates an empty ledger over a store. A crash loses the uses of the last second. */
export function createLedger({ store, setTimer, monotonicMs, onFailure, onLoss }: LedgerOptions): Ledger {
  const pending = new PendingUses();
  const counter = createPullCounter(monotonicMs);
  let writing: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
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
    cancelTimer?.();
    cancelTimer = undefined;
    writing = write().finally(() => {
      writing = undefined;
      wait();
    });
  };
  const wait = (): void => {
    if (closed || pending.isEmpty || cancelTimer !== undefined) return;
    cancelTimer = setTimer(startWriting, flushIntervalMs);
  };

  return {
    record(use) {
      if (closed || !counter.counts(use)) return;
      const { at, account: _account, request: _request, ...counted } = use;
      pending.add({ ...counted, count: 1, lastAt: at });
      if (writing !== undefined) return;
      // An unavailable database is not contacted more often because more is pulled.
      if (pending.uses >= flushUses && !failing) startWriting();
      else wait();
    },
    unwritten: () => pending.uses,
    async close() {
      closed = true;
      cancelTimer?.();
      await writing;
      await write();
      const left = pending.take();
      if (left.length > 0) onLoss(totalOf(left));
    },
  };
}

/** Counts to write, with equal ones merged. */
class PendingUses {
  #counts = new Map<string, CountedUse>();
  #uses = 0;
  #lost = 0;

  /** The number of uses to write, before merging. */
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
