// Withholds a rejected credential for one minute, so that retries cannot lock the account. Written by hand, because a success seen elsewhere closes the circuit.

import type { Registry } from '../registry/registry.ts';
import { isSuccess } from '../registry/report.ts';
import { Problem } from '../shared/problem.ts';

/** Milliseconds a rejected credential is withheld. Registries lock an account after several wrong passwords within minutes. */
export const circuitMs = 60_000;

/** The circuits of rejected credentials. */
export interface CircuitBreaker {
  /** Throws if the circuit is open. @throws Problem `UPSTREAM_FAILED` with the reason for which it opened. */
  throwIfOpen(registry: Registry): void;
  /** Opens the circuit of this registry and its password. Returns false if it was open already. */
  open(registry: Registry, reason: string): boolean;
  /** Returns how many opened within the last minute. One that a new password or a validation closed is counted until then. */
  count(): number;
}

/** The clocks of circuits. */
export interface CircuitClocks {
  readonly now: () => Date;
  /** Returns milliseconds of a clock that only runs forward, so that a circuit closes in time whatever is set on the machine. */
  readonly monotonicMs: () => number;
}

interface Circuit {
  /** Epoch milliseconds, to compare with validations. */
  readonly atMs: number;
  /** Monotonic milliseconds. */
  readonly untilMs: number;
  readonly reason: string;
}

/** Creates a circuit breaker. A new password of the registry, or a later validation that succeeds, closes its circuit at once. */
export function createCircuitBreaker({ now, monotonicMs }: CircuitClocks): CircuitBreaker {
  const opened = new Map<string, Circuit>();
  const keyOf = ({ id, secretVersion }: Registry) => `${id}@${secretVersion}`;
  const current = (registry: Registry) => {
    const circuit = opened.get(keyOf(registry));
    if (circuit === undefined || circuit.untilMs <= monotonicMs()) return undefined;
    const { lastValidation } = registry;
    if (lastValidation === null || !isSuccess(lastValidation.outcome)) return circuit;
    const { checkedAt } = lastValidation;
    // A time of the future comes from a clock that was wrong. It would hold every circuit closed until it has passed.
    return checkedAt > circuit.atMs && checkedAt <= now().getTime() ? undefined : circuit;
  };
  return {
    throwIfOpen(registry) {
      const circuit = current(registry);
      if (circuit === undefined) return;
      throw circuitIsOpen(registry, circuit.reason, now().getTime() + circuit.untilMs - monotonicMs());
    },
    open(registry, reason) {
      if (current(registry) !== undefined) return false;
      const nowMs = monotonicMs();
      for (const [key, circuit] of opened) if (circuit.untilMs <= nowMs) opened.delete(key);
      opened.set(keyOf(registry), { atMs: now().getTime(), untilMs: nowMs + circuitMs, reason });
      return true;
    },
    count() {
      const nowMs = monotonicMs();
      return [...opened.values()].filter(({ untilMs }) => untilMs > nowMs).length;
    },
  };
}

function circuitIsOpen({ registry }: Registry, reason: string, retryAfter: number): Problem {
  const message =
    reason === 'NATIVE_CREDENTIAL_ERROR'
      ? `The cloud issued no login for the stored credential of ${registry}, so Regway does not request one again for one minute. Read the last validation of the registry, correct the cause that it names, and validate the registry again.`
      : `The upstream registry rejected the stored credential of ${registry}, so Regway does not send it again for one minute. Update the registry with a working password.`;
  return new Problem('UPSTREAM_FAILED', message, { reason, retryAfter });
}
