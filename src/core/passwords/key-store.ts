// Declares the ports that store the wrapped data keys, and rotate the keys of stored passwords.

import type { AuditEvent } from '../audit/event.ts';
import type { Registry, SecretSlot } from '../registry/registry.ts';
import type { Sealed } from '../registry/store.ts';

/** A data key as stored: wrapped by a root key, and useless without it. */
export interface DataKeyRow {
  /** 1 to 2^32 − 1. Written into every blob that the key seals. */
  readonly id: number;
  /** 16 hex digits. */
  readonly rootKeyId: string;
  readonly wrapped: Uint8Array;
  /** The one `ACTIVE` key seals passwords, `RETIRED` keys only open them, and the `AUDIT` key of the audit chain never changes. */
  readonly state: 'ACTIVE' | 'RETIRED' | 'AUDIT';
  readonly createdAt: Date;
}

/** A registry with its sealed passwords. */
export interface SealedRegistry {
  readonly registry: Registry;
  readonly sealed: Readonly<Record<SecretSlot, Sealed | null>>;
}

/** A resealed password. */
export interface Resealed {
  readonly id: string;
  readonly slot: SecretSlot;
  /** The stored value to replace. If it has changed in the meantime, nothing is written. */
  readonly from: Sealed;
  readonly to: Sealed;
}

/** Stores wrapped data keys: opaque bytes that only the sealer can open. */
export interface KeyStore {
  /** Returns all keys, by ID. */
  dataKeys(): Promise<readonly DataKeyRow[]>;
  canary(): Promise<Uint8Array | undefined>;
  hasRegistries(): Promise<boolean>;
  /** Writes the first key and the canary in one transaction. Returns true to the one process that did, false if a key exists. */
  insertFirst(key: DataKeyRow, canary: Uint8Array): Promise<boolean>;
  /** Writes the key of the audit chain under the next free ID, unless one exists. The canary exists already. */
  insertAuditKey(make: (id: number) => DataKeyRow | Promise<DataKeyRow>): Promise<void>;
}

/** Stores keys and passwords during a rotation. Once a key is active, the store accepts no password sealed with another. */
export interface KeyRotationStore extends KeyStore {
  /**
   * Makes `key` the active one and retires `replaced`, with a resealed canary, in one transaction. Returns false and writes nothing
   * if `replaced` is no longer active, or is wrapped with another root key than `key`.
   */
  activate(
    key: DataKeyRow,
    replaced: Pick<DataKeyRow, 'id' | 'rootKeyId'>,
    canary: Uint8Array,
    event: AuditEvent,
  ): Promise<boolean>;
  /** Runs `work` on all keys under a lock, and writes the keys and the event that it returns in one transaction. */
  rewrap(
    work: (
      keys: readonly DataKeyRow[],
    ) => Promise<{ readonly keys: readonly DataKeyRow[]; readonly event?: AuditEvent }>,
  ): Promise<void>;
  /** Returns up to `limit` registries with their sealed passwords whose ID is greater than this one, by ID. */
  sealedAfter(id: string, limit: number): Promise<SealedRegistry[]>;
  /** Writes passwords resealed with one key, in one transaction. Changes nothing else. @throws `StaleKeys` as `RegistryStore.insert`. */
  reseal(resealed: readonly Resealed[]): Promise<void>;
  /** Deletes a retired key that no password is sealed with. Returns whether it did. */
  deleteRetired(id: number, event: AuditEvent): Promise<boolean>;
  /**
   * Erases replaced and deleted values from the files of an embedded database. Returns false if a reader of an older snapshot
   * prevented it.
   */
  eraseReplaced(): Promise<boolean>;
  /** Counts the passwords sealed with each data key. Reads every row. */
  countSealed(): Promise<ReadonlyMap<number, number>>;
}

/** Yields every registry of every account, by ID, in pages of at most `pageSize`. Yields at least one page, which may be empty. */
export async function* sealedPages(
  { sealedAfter }: Pick<KeyRotationStore, 'sealedAfter'>,
  pageSize: number,
): AsyncGenerator<SealedRegistry[]> {
  for (let last = ''; ;) {
    const page = await sealedAfter(last, pageSize);
    yield page;
    if (page.length < pageSize) return;
    last = page.at(-1)?.registry.id ?? '';
  }
}
