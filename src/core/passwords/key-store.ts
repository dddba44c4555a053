// What the seal needs of a store: the keys of the database, wrapped, and the passwords while their keys are rotated.

import type { AuditEvent } from '../audit/event.ts';
import type { Registry, SecretSlot } from '../registry/registry.ts';
import type { Sealed } from '../registry/store.ts';

/** A key as the database holds it: wrapped by a root key, useless without it. */
export interface DataKeyRow {
  /** 1 to 2^32 − 1; written into every blob that it seals. */
  readonly id: number;
  /** 16 hex digits. */
  readonly rootKeyId: string;
  readonly wrapped: Uint8Array;
  /** Of those that seal passwords one is active and the retired ones only open. The one of the audit chain stays the same for good. */
  readonly state: 'ACTIVE' | 'RETIRED' | 'AUDIT';
  readonly createdAt: Date;
}

/** A registry with its passwords as stored. */
export interface SealedRegistry {
  readonly registry: Registry;
  readonly sealed: Readonly<Record<SecretSlot, Sealed | null>>;
}

/** A password sealed anew. */
export interface Resealed {
  readonly id: string;
  readonly slot: SecretSlot;
  /** Written only if this is still what is stored: whoever changed it meanwhile wins. */
  readonly from: Sealed;
  readonly to: Sealed;
}

/** The keys at rest: opaque bytes that the seal made and alone can open. */
export interface KeyStore {
  /** All of them, by id. */
  dataKeys(): Promise<readonly DataKeyRow[]>;
  canary(): Promise<Uint8Array | undefined>;
  hasRegistries(): Promise<boolean>;
  /** Writes the first key and the canary in one transaction; true for the one process that did, false when there is one already. */
  insertFirst(key: DataKeyRow, canary: Uint8Array): Promise<boolean>;
  /** Writes the key of the audit chain under the next free id, unless there is one. The canary is there already. */
  insertAuditKey(make: (id: number) => DataKeyRow): Promise<void>;
}

/** What a rotation of keys reads and writes. From the moment that a key is active, the store takes no password sealed with another. */
export interface KeyRotationStore extends KeyStore {
  /**
   * Makes `key` the active one and retires `replaced`, with the canary sealed anew, in one transaction.
   * False, and nothing is written, when `replaced` is not active any more or is wrapped with another root key than `key`.
   */
  activate(
    key: DataKeyRow,
    replaced: Pick<DataKeyRow, 'id' | 'rootKeyId'>,
    canary: Uint8Array,
    event: AuditEvent,
  ): Promise<boolean>;
  /** Runs `work` on all keys while nobody else may change them, and writes what it gives, with the event, in one transaction. */
  rewrap(
    work: (
      keys: readonly DataKeyRow[],
    ) => Promise<{ readonly keys: readonly DataKeyRow[]; readonly event?: AuditEvent }>,
  ): Promise<void>;
  /** Up to `limit` registries with their passwords, by id, after the one given. */
  sealedAfter(id: string, limit: number): Promise<SealedRegistry[]>;
  /** Writes passwords that one key sealed anew, in one transaction; touches nothing else of the rows. @throws `StaleKeys` as `RegistryStore.insert`. */
  reseal(resealed: readonly Resealed[]): Promise<void>;
  /** Deletes a retired key that no password is sealed with; true when it did. */
  deleteRetired(id: number, event: AuditEvent): Promise<boolean>;
  /**
   * Takes what was replaced and deleted until now out of the database's own files, where that is in its power.
   * False when somebody who reads an older moment kept it from that, for longer than a moment.
   */
  eraseReplaced(): Promise<boolean>;
  /** How many passwords are sealed with each data key. Reads every row. */
  countSealed(): Promise<ReadonlyMap<number, number>>;
}

/** Every registry of every account, by id. Gives at least one page, which may be empty. @param pageSize the most that one page holds. */
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
