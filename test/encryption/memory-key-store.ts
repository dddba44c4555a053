// Data keys in memory, for tests of the boot: it keeps what a database would keep and counts the writes.

import type { DataKeyRow, KeyStore } from '../../src/core/passwords/key-store.ts';

export interface MemoryKeyStore extends KeyStore {
  rows: DataKeyRow[];
  canaryBlob: Uint8Array | undefined;
  registries: boolean;
  writes: number;
}

/** A store that starts with these contents; empty by default. */
export function memoryKeyStore(
  contents: Partial<Pick<MemoryKeyStore, 'rows' | 'canaryBlob' | 'registries'>> = {},
): MemoryKeyStore {
  return {
    rows: [...(contents.rows ?? [])],
    canaryBlob: contents.canaryBlob,
    registries: contents.registries ?? false,
    writes: 0,
    async dataKeys() {
      return [...this.rows];
    },
    async canary() {
      return this.canaryBlob;
    },
    async hasRegistries() {
      return this.registries;
    },
    async insertFirst(key, canary) {
      if (this.rows.length > 0 || this.canaryBlob !== undefined) {
        return false;
      }
      this.writes += 1;
      this.rows = [key];
      this.canaryBlob = canary;
      return true;
    },
    async insertAuditKey(make) {
      const key = await make(Math.max(0, ...this.rows.map(({ id }) => id)) + 1);
      if (this.rows.some(({ state }) => state === 'AUDIT')) {
        return;
      }
      this.writes += 1;
      this.rows = [...this.rows, key];
    },
  };
}
