// Opens and stores the passwords of a registry together: the current, the pending, and the previous one.

import { type AuditEvent, auditEvent } from '../audit/event.ts';
import type { AuthorizedCaller } from '../authz/principal.ts';
import { changedConcurrently, noSuchRegistry } from '../registry/lookup.ts';
import { type Registry, secretBinding, type SecretBinding, type SecretSlot } from '../registry/registry.ts';
import type { RegistryStore, Sealed } from '../registry/store.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import { type RotationWindow, withoutExpired } from './expired-passwords.ts';
import { StaleKeys, type Sealer, retryWithFreshKeys } from './sealer.ts';

/** The alternate passwords of a registry; null for none. */
export interface AlternatePasswords {
  readonly pending: Secret | null;
  readonly previous: Secret | null;
}

export const noAlternates: AlternatePasswords = { pending: null, previous: null };

/** The ports of stored passwords. */
export interface PasswordPorts {
  readonly registries: RegistryStore;
  readonly sealer: Sealer;
}

/** Returns the alternate passwords that can be used now. An unreadable one counts as none. */
export async function openAlternates(
  { registries, sealer, ...window }: PasswordPorts & RotationWindow,
  registry: Registry,
): Promise<AlternatePasswords> {
  const { pendingSince, previousUsableUntil } = withoutExpired(registry, window);
  if (pendingSince === null && previousUsableUntil === null) return noAlternates;
  return retryWithFreshKeys(sealer, async () => {
    const sealed = await registries.sealedAlternates(registry.id);
    return {
      pending: pendingSince === null ? null : openOrNull(sealer, sealed?.pending, secretBinding(registry, 'PENDING')),
      previous:
        previousUsableUntil === null ? null : openOrNull(sealer, sealed?.previous, secretBinding(registry, 'PREVIOUS')),
    };
  });
}

/** Returns the current password, or null if it cannot be read, for callers that can do without it. */
export function tryOpenCurrent({ registries, sealer }: PasswordPorts, registry: Registry): Promise<Secret | null> {
  return retryWithFreshKeys(sealer, async () =>
    openOrNull(sealer, await registries.sealed(registry.id), secretBinding(registry)),
  );
}

/** @throws StaleKeys, because it says nothing about the password, only about the keys in memory. */
function openOrNull(sealer: Sealer, sealed: Sealed | null | undefined, binding: SecretBinding): Secret | null {
  try {
    return sealed === null || sealed === undefined ? null : sealer.open(sealed, binding);
  } catch (error) {
    if (error instanceof Problem && error.code === 'SECRET_UNREADABLE' && !(error instanceof StaleKeys)) return null;
    throw error;
  }
}

/**
 * Stores a changed registry with all its passwords.
 * @throws Problem `CONFLICT` as `RegistryStore.update`.
 */
export function storePasswords(
  { registries, sealer }: PasswordPorts,
  registry: Registry,
  passwords: AlternatePasswords & { readonly current: Secret },
  expectedVersion: number,
  event: AuditEvent,
): Promise<void> {
  const seal = (secret: Secret | null, slot: SecretSlot) =>
    secret === null ? null : sealer.seal(secret, secretBinding(registry, slot));
  return retryWithFreshKeys(sealer, () => {
    const alternates = { pending: seal(passwords.pending, 'PENDING'), previous: seal(passwords.previous, 'PREVIOUS') };
    return registries.update(
      registry,
      sealer.seal(passwords.current, secretBinding(registry)),
      expectedVersion,
      event,
      alternates,
    );
  });
}

/** Returns whether two registries send a password to the same destination in the same way, for the same username. */
export function hasSameDestination(one: Registry, other: Registry): boolean {
  const destination = (registry: Registry) => JSON.stringify({ ...secretBinding(registry), secretVersion: 0 });
  return destination(one) === destination(other);
}

/**
 * Returns the current password of a registry.
 * @throws Problem `SECRET_UNREADABLE`, with an audit event, if row, password, and key do not belong together; `CONFLICT` if the row
 * changed during the read; `NOT_FOUND` if it was deleted.
 */
export async function openPassword(
  ports: PasswordPorts & Pick<RotationWindow, 'now'>,
  caller: AuthorizedCaller,
  registry: Registry,
): Promise<Secret> {
  try {
    // Read again with fresh keys, because a rotation reseals every password.
    return await retryWithFreshKeys(ports.sealer, async () => {
      const sealed = await ports.registries.sealed(registry.id);
      if (sealed === undefined) throw noSuchRegistry();
      return ports.sealer.open(sealed, secretBinding(registry));
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'SECRET_UNREADABLE') throw error;
    const current = await ports.registries.byId(registry.id);
    if (current?.version !== registry.version) throw changedConcurrently();
    await ports.registries.appendAudit(
      auditEvent(caller, 'registry.secret_unreadable', registry, ports.now(), 'SECRET_UNREADABLE'),
    );
    throw error;
  }
}
