// What follows when an upstream refuses the current password and another one waits: that one is tried, seldom, and becomes current if it is proven.

import { auditEvent } from '../audit/event.ts';
import type { AuthorizedCaller } from '../authz/principal.ts';
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
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import type { CheckPorts } from '../validation/validate.ts';

export interface Failover {
  /** The registry as it is after a try that is under way, if there is one. */
  afterFailover(registry: Registry): Promise<Registry>;
  /**
   * True when another password is current now. One try in a while for a registry and its passwords, however many ask; each that fails doubles the while.
   * @throws what went wrong in a try, to the one who made it alone.
   */
  tryAlternate(caller: AuthorizedCaller, registry: Registry): Promise<boolean>;
}

export interface FailoverPorts
  extends PasswordPorts, RotationWindow, Pick<CheckPorts, 'validator' | 'observeValidation'> {}

interface Try {
  readonly atMs: number;
  /** Tries with these passwords so far, this one included. */
  readonly count: number;
  /** False, too, when something went wrong in it. */
  readonly promoted: Promise<boolean>;
}

/** The longest wait between two tries: a password that is taken at last is found within the hour, and until then the upstream sees one more bad login an hour. */
const maxPauseMs = 60 * 60 * 1000;

/** @param pauseMs after the first try with the same passwords, so that no account is locked for wrong passwords. */
export function createFailover(ports: FailoverPorts, pauseMs: number): Failover {
  const tries = new Map<string, Try>();
  // Not the version: another name is no other password.
  const keyOf = ({ id, secretVersion }: Registry) => `${id}@${secretVersion}`;
  return {
    async afterFailover(registry) {
      const running = tries.get(keyOf(registry));
      if (running === undefined || !(await running.promoted)) return registry;
      return (await ports.registries.byId(registry.id)) ?? registry;
    },
    tryAlternate(caller, registry) {
      const nowMs = ports.now().getTime();
      const last = tries.get(keyOf(registry));
      if (last !== undefined && last.atMs + Math.min(pauseMs * 2 ** (last.count - 1), maxPauseMs) > nowMs)
        return last.promoted;
      if (!hasAlternate(registry)) return Promise.resolve(false);
      forgetOld(tries, nowMs - ports.rotationWindowMs);
      const promoted = promoteAlternate(ports, caller, registry, last?.count ?? 0);
      tries.set(keyOf(registry), { atMs: nowMs, count: (last?.count ?? 0) + 1, promoted: promoted.catch(() => false) });
      return promoted;
    },
  };
}

function hasAlternate({ pendingSince, previousUsableUntil }: Registry): boolean {
  return pendingSince !== null || previousUsableUntil !== null;
}

function forgetOld(tries: Map<string, Try>, beforeMs: number): void {
  for (const [key, { atMs }] of tries) if (atMs < beforeMs) tries.delete(key);
}

type Slot = 'PENDING' | 'PREVIOUS';

async function promoteAlternate(
  ports: FailoverPorts,
  caller: AuthorizedCaller,
  refused: Registry,
  triesBefore: number,
): Promise<boolean> {
  const registry = await ports.registries.byId(refused.id);
  if (registry === undefined) return false;
  // Somebody else was first, here or on another replica.
  if (registry.secretVersion !== refused.secretVersion) return true;
  const others = await openAlternates(ports, registry);
  const usable = usableSlots(others);
  const slot = usable[triesBefore % usable.length];
  const password = slot === 'PENDING' ? others.pending : others.previous;
  if (slot === undefined || password === null) return false;
  const report = await ports.validator.check(registry, { username: registry.username, password });
  ports.observeValidation(report);
  // Proven, not merely not refused.
  return report.outcome === 'VALID' && promote(ports, caller, { registry, others, slot, password, report });
}

/** The pending one first. */
function usableSlots({ pending, previous }: AlternatePasswords): Slot[] {
  return [...(pending === null ? [] : (['PENDING'] as const)), ...(previous === null ? [] : (['PREVIOUS'] as const))];
}

interface Promotion {
  readonly registry: Registry;
  readonly others: AlternatePasswords;
  readonly slot: Slot;
  readonly password: Secret;
  readonly report: ValidationReport;
}

async function promote(ports: FailoverPorts, caller: AuthorizedCaller, promotion: Promotion): Promise<boolean> {
  const { registry, others, slot, password } = promotion;
  const replaced = await tryOpenCurrent(ports, registry);
  const promoted = promotedRegistry(ports, promotion, replaced !== null);
  const passwords = { current: password, pending: slot === 'PENDING' ? null : others.pending, previous: replaced };
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
    // Only the name or the like was changed: the proven password is as good as before.
    return hasSameDestination(current, registry) && promote(ports, caller, { ...promotion, registry: current });
  }
}

function promotedRegistry(
  { now, rotationWindowMs }: FailoverPorts,
  { registry, others, slot, report }: Promotion,
  keepsReplaced: boolean,
): Registry {
  const updatedAt = now();
  const isPending = slot === 'PENDING';
  // The window of a password that comes back is not begun again, or an upstream with two minds would keep both for ever.
  const usableUntil = isPending ? new Date(updatedAt.getTime() + rotationWindowMs) : registry.previousUsableUntil;
  return {
    ...registry,
    lastValidation: report,
    version: registry.version + 1,
    secretVersion: registry.secretVersion + 1,
    pendingSince: isPending || others.pending === null ? null : registry.pendingSince,
    previousUsableUntil: keepsReplaced ? usableUntil : null,
    updatedAt,
  };
}
