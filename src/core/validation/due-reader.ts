// Reads which registries are due, and passes over those that wait only once in a while, however many they are.

import type { ValidationOutcome } from '../registry/report.ts';
import type { Registry } from '../registry/registry.ts';
import type { DueWindow, RegistryStore } from '../registry/store.ts';

/** Milliseconds after which everything that is due is looked through again. Until then a host whose wait has ended may be left out. */
const lookMs = 60_000;

/** What may be checked now. */
export interface DueRequest extends DueWindow {
  /** Maximum number of registries. */
  readonly limit: number;
  /** Hosts that did not answer. */
  readonly waitingHosts: readonly string[];
  /** Hosts that have as many running checks as they may have. */
  readonly fullHosts: readonly string[];
  /** Outcomes of the last validation. */
  readonly exceptOutcomes: readonly ValidationOutcome[];
}

/** Returns registries that are due, the longest due first. */
export type DueReader = (request: DueRequest) => Promise<Registry[]>;

/** Creates the reader of one sweep. @param monotonicMs milliseconds of a clock that only runs forward. */
export function createDueReader(
  registries: Pick<RegistryStore, 'due' | 'dueSince'>,
  monotonicMs: () => number,
): DueReader {
  let lookedAtMs = -Infinity;
  let sinceMs = 0;
  /** The hosts and outcomes that were left out when nothing else was due. */
  let drained: readonly string[] | undefined;
  return async ({ waitingHosts, fullHosts, ...request }) => {
    if (monotonicMs() - lookedAtMs >= lookMs) {
      lookedAtMs = monotonicMs();
      drained = undefined;
      // Registries of hosts that wait stay due and so become the oldest ones. The reads begin behind them.
      sinceMs = (await registries.dueSince(request.nowMs, waitingHosts)) ?? request.nowMs;
    }
    const exceptHosts = [...waitingHosts, ...fullHosts];
    const leftOut = new Set<string>([...exceptHosts, ...request.exceptOutcomes]);
    if (drained?.every((one) => leftOut.has(one))) return [];
    const due = await registries.due({ ...request, sinceMs, exceptHosts });
    if (due.length === 0) drained = [...leftOut];
    return due;
  };
}
