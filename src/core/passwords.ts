// The passwords of one registry while its upstream changes: the current one, one that waits, and the one before; and how they are stored together.

import type { AuditEvent } from './audit.ts';
import type { Ports } from './ports.ts';
import { Problem } from './problem.ts';
import { secretBinding, type Registry, type SecretSlot } from './registry.ts';
import { withFreshKeys } from './sealed.ts';
import type { Secret } from './secret.ts';

/** What a new password does to the old one: it replaces it, or both can be used for a while, the new one as soon as the registry takes it. */
export const passwordRotations = ['REPLACE', 'PENDING'] as const;
export type PasswordRotation = (typeof passwordRotations)[number];

/** The passwords beside the current one. */
export interface OtherPasswords {
  readonly pending: Secret | null;
  readonly previous: Secret | null;
}

export const noOthers: OtherPasswords = { pending: null, previous: null };

type PasswordPorts = Pick<Ports, 'registries' | 'sealer'>;

/** The passwords that wait beside the current one. One that cannot be read is as good as none. */
export function openOthers({ registries, sealer }: PasswordPorts, registry: Registry): Promise<OtherPasswords> {
  if (registry.pendingSince === null && registry.previousUsableUntil === null) return Promise.resolve(noOthers);
  const open = (sealed: Uint8Array | null | undefined, slot: SecretSlot): Secret | null => {
    try {
      return sealed === null || sealed === undefined ? null : sealer.open(sealed, secretBinding(registry, slot));
    } catch (error) {
      // Not `KeysChanged`, which is about the keys of this process.
      if (error instanceof Problem && error.constructor === Problem && error.code === 'SECRET_UNREADABLE') return null;
      throw error;
    }
  };
  return withFreshKeys(sealer, async () => {
    const sealed = await registries.sealedOthers(registry.id);
    return { pending: open(sealed?.pending, 'PENDING'), previous: open(sealed?.previous, 'PREVIOUS') };
  });
}

/**
 * Stores a changed registry with all its passwords.
 * @throws Problem `CONFLICT` as `RegistryStore.update`.
 */
export function storePasswords(
  { registries, sealer }: PasswordPorts,
  registry: Registry,
  passwords: OtherPasswords & { readonly current: Secret },
  expectedVersion: number,
  event: AuditEvent,
): Promise<void> {
  const seal = (secret: Secret | null, slot: SecretSlot) => (secret === null ? null : sealer.seal(secret, secretBinding(registry, slot)));
  return withFreshKeys(sealer, () => {
    const others = { pending: seal(passwords.pending, 'PENDING'), previous: seal(passwords.previous, 'PREVIOUS') };
    return registries.update(registry, sealer.seal(passwords.current, secretBinding(registry)), expectedVersion, event, others);
  });
}

/** Whether passwords of the one may be used for the other: they go to the same place in the same way, for the same user. */
export function isSamePlace(one: Registry, other: Registry): boolean {
  const place = (registry: Registry) => JSON.stringify({ ...secretBinding(registry), secretVersion: 0 });
  return place(one) === place(other);
}
