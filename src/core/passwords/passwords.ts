// The passwords of one registry while its upstream changes: the current one, one that waits, and the one before; and how they are stored together.

import { type AuditEvent, auditEvent } from '../audit/event.ts';
import type { AuthorizedCaller } from '../authz/principal.ts';
import { changedMeanwhile, noSuchRegistry } from '../registry/lookup.ts';
import { type Registry, secretBinding, type SecretBinding, type SecretSlot } from '../registry/registry.ts';
import type { RegistryStore, Sealed } from '../registry/store.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import { type RotationWindow, withoutExpired } from './expired-passwords.ts';
import { StaleKeys, type Sealer, retryWithFreshKeys } from './sealer.ts';

/** The passwords beside the current one. */
export interface AlternatePasswords {
  readonly pending: Secret | null;
  readonly previous: Secret | null;
}

export const noAlternates: AlternatePasswords = { pending: null, previous: null };

/** Registries at rest, and what opens their passwords. */
export interface PasswordPorts {
  readonly registries: RegistryStore;
  readonly sealer: Sealer;
}

/** The passwords beside the current one that may be used now. One that cannot be read is as good as none. */
export async function openAlternates(
  { registries, sealer, ...window }: PasswordPorts & RotationWindow,
  registry: Registry,
): Promise<AlternatePasswords> {
  const { pendingSince, previousUsableUntil } = withoutExpired(registry, window);
  if (pendingSince === null && previousUsableUntil === null) return noAlternates;
  return retryWithFreshKeys(sealer, async () => {
    const sealed = await registries.sealedOthers(registry.id);
    return {
      pending: pendingSince === null ? null : openOrNull(sealer, sealed?.pending, secretBinding(registry, 'PENDING')),
      previous:
        previousUsableUntil === null ? null : openOrNull(sealer, sealed?.previous, secretBinding(registry, 'PREVIOUS')),
    };
  });
}

/** The current password; null when it cannot be read, for those who can do without it. */
export function tryOpenCurrent({ registries, sealer }: PasswordPorts, registry: Registry): Promise<Secret | null> {
  return retryWithFreshKeys(sealer, async () =>
    openOrNull(sealer, await registries.sealed(registry.id), secretBinding(registry)),
  );
}

/** @throws StaleKeys, which says nothing of the password: it is about the keys of this process. */
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
    const others = { pending: seal(passwords.pending, 'PENDING'), previous: seal(passwords.previous, 'PREVIOUS') };
    return registries.update(
      registry,
      sealer.seal(passwords.current, secretBinding(registry)),
      expectedVersion,
      event,
      others,
    );
  });
}

/** Whether passwords of the one may be used for the other: they go to the same place in the same way, for the same user. */
export function hasSameDestination(one: Registry, other: Registry): boolean {
  const place = (registry: Registry) => JSON.stringify({ ...secretBinding(registry), secretVersion: 0 });
  return place(one) === place(other);
}

/**
 * Opens the stored password of a registry.
 * @throws Problem `SECRET_UNREADABLE`, and an audit event, when row, password and key do not belong together; `CONFLICT` when the row changed while we read.
 */
export async function openPassword(
  ports: PasswordPorts & Pick<RotationWindow, 'now'>,
  caller: AuthorizedCaller,
  registry: Registry,
): Promise<Secret> {
  try {
    // Read again with fresh keys: a rotation seals every password anew.
    return await retryWithFreshKeys(ports.sealer, async () => {
      const sealed = await ports.registries.sealed(registry.id);
      if (sealed === undefined) throw noSuchRegistry();
      return ports.sealer.open(sealed, secretBinding(registry));
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'SECRET_UNREADABLE') throw error;
    const current = await ports.registries.byId(registry.id);
    if (current?.version !== registry.version) throw changedMeanwhile();
    await ports.registries.appendAudit(
      auditEvent(caller, 'registry.secret_unreadable', registry, ports.now(), 'SECRET_UNREADABLE'),
    );
    throw error;
  }
}
