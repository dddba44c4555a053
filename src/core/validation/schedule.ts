// Decides when a stored credential is validated again.

import { isRegistryId, type Registry } from '../registry/registry.ts';
import type { ValidationOutcome, ValidationReport } from '../registry/report.ts';

/** Milliseconds between two checks of a registry if no setting says otherwise. */
export const defaultEveryMs = 24 * 60 * 60_000;
/** Milliseconds to wait after a registry was unreachable. Doubles each time, up to the interval. */
const firstPauseMs = 10 * 60_000;
/** The fraction of the interval over which checks are spread, so that registries added together are not contacted together. */
const spread = 0.2;
/** Milliseconds. Registries that are busy may name a time up to a day ahead, and an hour is left for clocks that differ. */
const minHorizonMs = 25 * 60 * 60_000;

/** The upstream rejected the credential itself. Trying again could lock an account, and only a changed credential helps. */
const rejected: ReadonlySet<ValidationOutcome> = new Set([
  'INVALID_CREDENTIALS',
  'INSUFFICIENT_SCOPE',
  'UPSTREAM_FORBIDDEN',
  'LOCKED_OUT',
  'NATIVE_CREDENTIAL_ERROR',
]);
/** The outcomes of an upstream that was unreachable or busy. */
export const unreachableOutcomes = [
  'DNS_FAILURE',
  'UNREACHABLE',
  'TIMEOUT',
  'CONNECTION_CLOSED',
  'RATE_LIMITED',
  'TOKEN_ENDPOINT_ERROR',
  'UPSTREAM_ERROR',
] as const satisfies readonly ValidationOutcome[];
const unreachable: ReadonlySet<ValidationOutcome> = new Set(unreachableOutcomes);

/** Returns whether the upstream was unreachable or busy. */
export function isUnreachable(outcome: ValidationOutcome): boolean {
  return unreachable.has(outcome);
}

/** Returns whether the upstream, or the cloud that issues its logins, was unreachable or busy. */
export function isTemporary({ outcome, retryable }: Pick<ValidationReport, 'outcome' | 'retryable'>): boolean {
  return isUnreachable(outcome) || (outcome === 'NATIVE_CREDENTIAL_ERROR' && retryable);
}

/**
 * Returns when a registry is due, in epoch milliseconds. Returns undefined for never: a validation rejected its credential, or it was stored
 * without validation and has not been requested to be sent anywhere yet. What only a pull found is validated soon.
 * @param everyMs Milliseconds between two checks; 0 for never.
 */
export function dueAt(
  { id, lastValidation }: Pick<Registry, 'id' | 'lastValidation'>,
  everyMs: number,
): number | undefined {
  if (everyMs === 0 || lastValidation === null || lastValidation.outcome === 'SKIPPED') return undefined;
  const { outcome, checkedAt, retryAfter, fromPull, schedule = { failures: 0, claimedUntil: 0 } } = lastValidation;
  const isPassing = isTemporary(lastValidation) || fromPull !== undefined;
  if (rejected.has(outcome) && !isPassing) return undefined;
  const pauseMs = isPassing ? Math.min(everyMs, firstPauseMs * 2 ** Math.max(0, schedule.failures - 1)) : everyMs;
  const due = checkedAt + pauseMs * (1 + spread * fractionOf(id));
  return Math.round(Math.max(due, retryAfter ?? 0, schedule.claimedUntil));
}

/**
 * Returns the latest time at which a registry that was checked by now can be due, in epoch milliseconds. A later one comes from a clock that was
 * wrong when it was stored, and says nothing.
 */
export function latestDueAt(everyMs: number, nowMs: number): number {
  return nowMs + Math.max(everyMs * (1 + spread), minHorizonMs);
}

/** Returns a number from 0 to 1 that is fixed for each registry and the same on every server. */
function fractionOf(id: string): number {
  return isRegistryId(id) ? Number.parseInt(id.slice(-8), 16) / 0xff_ff_ff_ff : 0;
}
