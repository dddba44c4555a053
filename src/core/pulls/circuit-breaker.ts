// Keeps a refused credential back for a minute.

import type { Registry } from '../registry/registry.ts';
import { isSuccess } from '../registry/report.ts';
import { Problem } from '../shared/problem.ts';

/** Registries lock an account after a few wrong passwords within minutes; one try a minute stays below that. */
export const circuitMs = 60_000;

export interface CircuitBreaker {
  /** @throws Problem `UPSTREAM_FAILED` with the reason for which the circuit opened. */
  throwIfOpen(registry: Registry): void;
  /** Opens the circuit of this registry and its password; false when it was open already. */
  open(registry: Registry, reason: string): boolean;
}

/** Keeps a refused credential back. A new password of the registry, or a check that succeeded since, closes its circuit at once. */
export function createCircuitBreaker(now: () => Date): CircuitBreaker {
  const opened = new Map<string, { readonly atMs: number; readonly reason: string }>();
  const keyOf = ({ id, secretVersion }: Registry) => `${id}@${secretVersion}`;
  const current = (registry: Registry) => {
    const circuit = opened.get(keyOf(registry));
    if (circuit === undefined || circuit.atMs + circuitMs <= now().getTime()) return undefined;
    const { lastValidation } = registry;
    return lastValidation !== null && isSuccess(lastValidation.outcome) && lastValidation.checkedAt > circuit.atMs
      ? undefined
      : circuit;
  };
  return {
    throwIfOpen(registry) {
      const circuit = current(registry);
      if (circuit !== undefined) throw circuitIsOpen(registry, circuit.reason, circuit.atMs + circuitMs);
    },
    open(registry, reason) {
      if (current(registry) !== undefined) return false;
      const atMs = now().getTime();
      for (const [key, circuit] of opened) if (circuit.atMs + circuitMs <= atMs) opened.delete(key);
      opened.set(keyOf(registry), { atMs, reason });
      return true;
    },
  };
}

function circuitIsOpen({ registry }: Registry, reason: string, retryAfter: number): Problem {
  return new Problem(
    'UPSTREAM_FAILED',
    `The upstream refused the stored credential of ${registry} a moment ago, so it is not sent again for a minute. Update the registry with a password that works.`,
    { reason, retryAfter },
  );
}
