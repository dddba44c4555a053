// What follows when an upstream refuses the current password and another one waits: that one is tried, once, and becomes current if it is proven.

import { auditEvent } from './audit.ts';
import type { AuthorisedCaller } from './check.ts';
import { openOthers, storePasswords, type OtherPasswords } from './passwords.ts';
import type { Ports } from './ports.ts';
import { Problem } from './problem.ts';
import { secretBinding, type Registry } from './registry.ts';
import type { Secret } from './secret.ts';
import type { ValidationReport } from './validation.ts';

export interface Rotations {
  /** The registry as it is after a try that is under way, if there is one. */
  latest(registry: Registry): Promise<Registry>;
  /** True when another password is current now. One try in a while for a registry and version, however many ask. */
  tryOther(caller: AuthorisedCaller, registry: Registry): Promise<boolean>;
}

export type RotationPorts = Pick<Ports, 'registries' | 'sealer' | 'validator' | 'now' | 'rotationWindowMs'>;

interface Try {
  readonly atMs: number;
  /** Tries of this version so far, this one included. */
  readonly count: number;
  readonly promoted: Promise<boolean>;
}

/** @param pauseMs between two tries of one version, so that no account is locked for wrong passwords. */
export function createRotations(ports: RotationPorts, pauseMs: number): Rotations {
  const tries = new Map<string, Try>();
  const keyOf = ({ id, version }: Registry) => `${id}@${version}`;
  return {
    async latest(registry) {
      const running = tries.get(keyOf(registry));
      // Whoever made the try is told when it failed.
      if (running === undefined || !(await running.promoted.catch(() => false))) return registry;
      return (await ports.registries.byId(registry.id)) ?? registry;
    },
    tryOther(caller, registry) {
      const nowMs = ports.now().getTime();
      const last = tries.get(keyOf(registry));
      if (last !== undefined && last.atMs + pauseMs > nowMs) return last.promoted;
      if (!hasOther(registry)) return Promise.resolve(false);
      forgetOld(tries, nowMs - ports.rotationWindowMs);
      const promoted = promoteOther(ports, caller, registry, last?.count ?? 0);
      tries.set(keyOf(registry), { atMs: nowMs, count: (last?.count ?? 0) + 1, promoted });
      return promoted;
    },
  };
}

function hasOther({ pendingSince, previousUsableUntil }: Registry): boolean {
  return pendingSince !== null || previousUsableUntil !== null;
}

function forgetOld(tries: Map<string, Try>, beforeMs: number): void {
  for (const [key, { atMs }] of tries) if (atMs < beforeMs) tries.delete(key);
}

type Slot = 'PENDING' | 'PREVIOUS';

async function promoteOther(ports: RotationPorts, caller: AuthorisedCaller, refused: Registry, triesBefore: number): Promise<boolean> {
  const registry = await ports.registries.byId(refused.id);
  if (registry === undefined) return false;
  // Somebody else was first, here or on another replica.
  if (registry.version !== refused.version) return true;
  const others = await openOthers(ports, registry);
  const usable = usableSlots(registry, others, ports);
  const slot = usable[triesBefore % usable.length];
  const password = slot === 'PENDING' ? others.pending : others.previous;
  if (slot === undefined || password === null) return false;
  const report = await ports.validator.check(registry, { username: registry.username, password });
  // Proven, not merely not refused.
  return report.outcome === 'VALID' && promote(ports, caller, { registry, others, slot, password, report });
}

/** The pending one first. */
function usableSlots({ pendingSince, previousUsableUntil }: Registry, { pending, previous }: OtherPasswords, { now, rotationWindowMs }: RotationPorts): Slot[] {
  const nowMs = now().getTime();
  const isPendingUsable = pending !== null && pendingSince !== null && pendingSince.getTime() + rotationWindowMs > nowMs;
  const isPreviousUsable = previous !== null && previousUsableUntil !== null && previousUsableUntil.getTime() > nowMs;
  return [...(isPendingUsable ? (['PENDING'] as const) : []), ...(isPreviousUsable ? (['PREVIOUS'] as const) : [])];
}

interface Promotion {
  readonly registry: Registry;
  readonly others: OtherPasswords;
  readonly slot: Slot;
  readonly password: Secret;
  readonly report: ValidationReport;
}

async function promote(ports: RotationPorts, caller: AuthorisedCaller, { registry, others, slot, password, report }: Promotion): Promise<boolean> {
  const now = ports.now();
  const replaced = await openCurrent(ports, registry);
  const isPending = slot === 'PENDING';
  const promoted: Registry = {
    ...registry,
    lastValidation: report,
    version: registry.version + 1,
    secretVersion: registry.secretVersion + 1,
    pendingSince: isPending ? null : registry.pendingSince,
    // The window of a password that comes back is not begun again, or an upstream with two minds would keep both for ever.
    previousUsableUntil: replaced === null ? null : isPending ? new Date(now.getTime() + ports.rotationWindowMs) : registry.previousUsableUntil,
    updatedAt: now,
  };
  const passwords = { current: password, pending: isPending ? null : others.pending, previous: replaced };
  try {
    await storePasswords(ports, promoted, passwords, registry.version, auditEvent(caller, 'registry.password_rotated', registry, now, slot));
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'CONFLICT') throw error;
  }
  return true;
}

async function openCurrent({ registries, sealer }: RotationPorts, registry: Registry): Promise<Secret | null> {
  const sealed = await registries.sealed(registry.id);
  try {
    return sealed === undefined ? null : sealer.open(sealed, secretBinding(registry));
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}
