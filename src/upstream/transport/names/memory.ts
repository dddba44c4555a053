// Remembers for some seconds how lookups ended, and for longer which names are slow.

import { LRUCache } from 'lru-cache';
import type { Lookup } from '../connector.ts';
import type { Lane } from './turns.ts';

export type Addresses = Awaited<ReturnType<Lookup>>;

export interface NameMemory {
  /** Returns how the last lookup of a name ended, while that counts for the next; else undefined. */
  outcomeOf(name: string): { readonly answer: Addresses } | { readonly failure: Error } | undefined;
  laneOf(name: string): Lane;
  /** Remembers a name that has kept its thread for long. */
  addSlow(name: string): void;
  addAnswer(name: string, answer: Addresses, tookMs: number): void;
  addFailure(name: string, failure: Error, tookMs: number): void;
}

/** Milliseconds that a caller waits: less than any connection has in total, so that the failure names DNS. */
export const maxWaitMs = 4_000;

/** Milliseconds from which a name counts as slow. A name server answers within a tenth of that. */
export const slowMs = 1_000;

/** Milliseconds for which a failure is remembered, and a longer time for one that held a thread. */
const failureMs = 5_000;
const slowFailureMs = 10_000;

/** Milliseconds for which an answer is remembered that came after its callers had left, so that a retry gets it. */
const lateAnswerMs = 10_000;

/** Milliseconds for which a name counts as slow. */
const slowMemoryMs = 10 * 60_000;

/** Entries of less than 1 KiB each: more names than any sensible number of registries. */
const maxRemembered = 5_000;

/** Creates an empty memory. @param nowMs Returns monotonic milliseconds. */
export function createNameMemory(nowMs: () => number): NameMemory {
  const remember = <Value extends object>() =>
    new LRUCache<string, Value>({ max: maxRemembered, perf: { now: nowMs }, ttlResolution: 0 });
  // An entry is still returned in the last millisecond of its lifetime.
  const lasting = (ms: number) => ({ ttl: ms - 1 });
  const outcomes = remember<{ readonly answer: Addresses } | { readonly failure: Error }>();
  const speeds = remember<{ readonly lane: Lane }>();
  return {
    outcomeOf: (name) => outcomes.get(name),
    laneOf: (name) => speeds.get(name)?.lane ?? 'UNKNOWN',
    addSlow: (name) => void speeds.set(name, { lane: 'SLOW' }, lasting(slowMemoryMs)),
    addAnswer(name, answer, tookMs) {
      if (tookMs < slowMs) speeds.set(name, { lane: 'PROVEN' });
      if (tookMs >= maxWaitMs) outcomes.set(name, { answer }, lasting(lateAnswerMs));
    },
    addFailure: (name, failure, tookMs) =>
      void outcomes.set(name, { failure }, lasting(tookMs < slowMs ? failureMs : slowFailureMs)),
  };
}
