// Remembers which hosts did not answer a scheduled check, so that their other registries wait while those of other hosts are checked.

/** Milliseconds that a host waits after it did not answer. Doubles each time, up to `maxPauseMs`. */
const firstPauseMs = 60_000;
/** Milliseconds. A host that is back is seen within this time. */
const maxPauseMs = 60 * 60_000;
/** Hosts that are remembered, each with some 100 bytes. The one that failed longest ago is forgotten first. */
const maxHosts = 1_000;

/** The hosts that did not answer. */
export interface HostPauses {
  /** Returns the hosts that wait now. */
  waiting(): string[];
  /** Returns whether the last check of the host met no answer. Then one more at a time is enough to see whether it is back. */
  isSuspect(host: string): boolean;
  /** Records that the host answered. */
  answered(host: string): void;
  /** Records that it did not. @param atLeastMs Milliseconds for which the host itself asked not to be contacted. */
  failed(host: string, atLeastMs: number): void;
}

interface Pause {
  readonly failures: number;
  readonly untilMs: number;
}

/** Creates an empty memory. @param monotonicMs Milliseconds of a clock that only runs forward. */
export function createHostPauses(monotonicMs: () => number): HostPauses {
  const pauses = new Map<string, Pause>();
  return {
    waiting: () => {
      const nowMs = monotonicMs();
      return [...pauses].filter(([, { untilMs }]) => untilMs > nowMs).map(([host]) => host);
    },
    isSuspect: (host) => pauses.has(host),
    answered: (host) => void pauses.delete(host),
    failed(host, atLeastMs) {
      const failures = (pauses.get(host)?.failures ?? 0) + 1;
      const pauseMs = Math.min(maxPauseMs, Math.max(firstPauseMs * 2 ** (failures - 1), atLeastMs));
      pauses.delete(host);
      pauses.set(host, { failures, untilMs: monotonicMs() + pauseMs });
      const [oldest] = pauses.keys();
      if (pauses.size > maxHosts && oldest !== undefined) pauses.delete(oldest);
    },
  };
}
