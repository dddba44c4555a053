// Tries an alternate password when the upstream registry rejects the current one, and promotes it once it is verified.

import { auditEvent } from '../audit/event.ts';
import type { AuthorizedCaller, Caller } from '../authz/principal.ts';
import {
  hasSameDestination,
  tryOpenCurrent,
  openAlternates,
  type AlternatePasswords,
  type PasswordPorts,
  storePasswords,
} from '../passwords/passwords.ts';
import type { RotationWindow } from '../passwords/expired-passwords.ts';
import type { Registry } from '../registry/registry.ts';
import type { ValidationReport } from '../registry/report.ts';
import { orAborted } from './abort.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import type { CheckPorts } from '../validation/validate.ts';
import type { CircuitClocks } from './circuit-breaker.ts';

/** The failover to alternate passwords. */
export interface Failover {
  /** Returns the registry after a running attempt, if there is one. @throws the reason of the caller's signal, which the attempt outlives. */
  afterFailover(caller: Caller, registry: Registry): Promise<Registry>;
  /**
   * Returns true if another password is current now. Attempts for the same registry and passwords are limited to one per pause, whatever
   * the number of callers; each failure doubles the pause.
   * @throws The error of an attempt, only to the caller who started it.
   */
  tryAlternate(caller: AuthorizedCaller, registry: Registry): Promise<boolean>;
}

/** The ports of the failover. */
export interface FailoverPorts
  extends
    PasswordPorts,
    RotationWindow,
    Pick<CircuitClocks, 'monotonicMs'>,
    Pick<CheckPorts, 'validator' | 'observeValidation'> {}

/** The last attempt with the same passwords. */
interface Attempt {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  /** The number of attempts with these passwords, this one included. */
  readonly count: number;
  /** Whether a password was promoted; false if the attempt failed with an error. */
  readonly promoted: Promise<boolean>;
}

/** Maximum milliseconds between two attempts: a password that becomes valid is found within one hour, at one failed login an hour. */
const maxPauseMs = 60 * 60 * 1000;

/** Creates the failover. @param pauseMs Milliseconds after the first attempt with the same passwords, so that no account is locked. */
export function createFailover(ports: FailoverPorts, pauseMs: number): Failover {
  const attempts = new Map<string, Attempt>();
  // Not the version, because another display name is no other password.
  const keyOf = ({ id, secretVersion }: Registry) => `${id}@${secretVersion}`;
  return {
    async afterFailover(caller, registry) {
      const running = attempts.get(keyOf(registry));
      if (running === undefined || !(await orAborted(running.promoted, caller.signal?.()))) return registry;
      return (await ports.registries.byId(registry.id)) ?? registry;
    },
    tryAlternate(caller, registry) {
      const nowMs = ports.monotonicMs();
      const last = attempts.get(keyOf(registry));
      if (last !== undefined && last.atMs + Math.min(pauseMs * 2 ** (last.count - 1), maxPauseMs) > nowMs)
        return last.promoted;
      if (!hasAlternate(registry)) return Promise.resolve(false);
      deleteOld(attempts, nowMs - ports.rotationWindowMs);
      const promoted = promoteAlternate(ports, caller, registry, last?.count ?? 0);
      attempts.set(keyOf(registry), {
        atMs: nowMs,
        count: (last?.count ?? 0) + 1,
        promoted: promoted.catch(() => false),
      });
      return promoted;
    },
  };
}

function hasAlternate({ pendingSince, previousUsableUntil }: Registry): boolean {
  return pendingSince !== null || previousUsableUntil !== null;
}

function deleteOld(attempts: Map<string, Attempt>, beforeMs: number): void {
  for (const [key, { atMs }] of attempts) if (atMs < beforeMs) attempts.delete(key);
}

type Slot = 'PENDING' | 'PREVIOUS';

async function promoteAlternate(
  ports: FailoverPorts,
  caller: AuthorizedCaller,
  rejected: Registry,
  earlierAttempts: number,
): Promise<boolean> {
  const registry = await ports.registries.byId(rejected.id);
  if (registry === undefined) return false;
  // Another pull was first, here or on another replica.
  if (registry.secretVersion !== rejected.secretVersion) return true;
  const alternates = await openAlternates(ports, registry);
  const usable = usableSlots(alternates);
  const slot = usable[earlierAttempts % usable.length];
  const password = slot === 'PENDING' ? alternates.pending : alternates.previous;
  if (slot === undefined || password === null) return false;
  const report = await ports.validator.check(registry, { username: registry.username, password });
  ports.observeValidation(report, registry.host);
  // Verified, not merely not rejected.
  return report.outcome === 'VALID' && promote(ports, caller, { registry, alternates, slot, password, report });
}

/** Returns the slots with a password, the pending one first. */
function usableSlots({ pending, previous }: AlternatePasswords): Slot[] {
  return [...(pending === null ? [] : (['PENDING'] as const)), ...(previous === null ? [] : (['PREVIOUS'] as const))];
}

interface Promotion {
  readonly registry: Registry;
  readonly alternates: AlternatePasswords;
  readonly slot: Slot;
  readonly password: Secret;
  readonly report: ValidationReport;
}

async function promote(ports: FailoverPorts, caller: AuthorizedCaller, promotion: Promotion): Promise<boolean> {
  const { registry, alternates, slot, password } = promotion;
  const replaced = await tryOpenCurrent(ports, registry);
  const promoted = promotedRegistry(ports, promotion, replaced !== null);
  const passwords = { current: password, pending: slot === 'PENDING' ? null : alternates.pending, previous: replaced };
  try {
    await storePasswords(
      ports,
      promoted,
      passwords,
      registry.version,
      auditEvent(caller, 'registry.password_rotated', registry, promoted.updatedAt, slot),
    );
    return true;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'CONFLICT') throw error;
    const current = await ports.registries.byId(registry.id);
    if (current === undefined) return false;
    if (current.secretVersion !== registry.secretVersion) return true;
    // Only a property such as the display name was changed, so the password is still verified.
    return hasSameDestination(current, registry) && promote(ports, caller, { ...promotion, registry: current });
  }
}

function promotedRegistry(
  { now, rotationWindowMs }: FailoverPorts,
  { registry, alternates, slot, report }: Promotion,
  keepsReplaced: boolean,
): Registry {
  const updatedAt = now();
  const isPending = slot === 'PENDING';
  // A previous password that becomes current does not restart the window, or an upstream that alternates would keep both forever.
  const usableUntil = isPending ? new Date(updatedAt.getTime() + rotationWindowMs) : registry.previousUsableUntil;
  return {
    ...registry,
    lastValidation: report,
    version: registry.version + 1,
    secretVersion: registry.secretVersion + 1,
    pendingSince: isPending || alternates.pending === null ? null : registry.pendingSince,
    previousUsableUntil: keepsReplaced ? usableUntil : null,
    updatedAt,
  };
}
