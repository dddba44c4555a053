// Joins the repositories of one database: every store port of the core.

import type { AccessStore } from '../../core/accounts/store.ts';
import type { AuditArchiveStore, AuditStore } from '../../core/audit/store.ts';
import type { KeyRotationStore } from '../../core/passwords/key-store.ts';
import type { UseStore } from '../../core/pulls/usage/uses.ts';
import type { RegistryStore } from '../../core/registry/store.ts';
import { changesOn, type Database } from '../database.ts';
import { auditArchiveStore, readArchiveRecord } from './audit-archive.ts';
import { auditChain } from './audit.ts';
import { keyRotationStore } from './key-rotation.ts';
import { registryStore } from './registries.ts';
import { accessStore } from './tokens.ts';
import { useStore } from './usage.ts';

export interface Repositories {
  readonly registries: RegistryStore;
  readonly access: AccessStore;
  readonly uses: UseStore;
  /** Must be started with its key before anything is changed. */
  readonly audit: AuditStore;
  readonly auditArchives: AuditArchiveStore;
  readonly keys: KeyRotationStore;
}

/** The repositories of an open database whose tables are those of this program. */
export function repositoriesOn(database: Database): Repositories {
  const { append, send, ...audit } = auditChain(database);
  const change = changesOn(database, send);
  return {
    registries: registryStore(database, change),
    access: accessStore(database, append, change),
    uses: useStore(database),
    audit: { ...audit, archive: () => readArchiveRecord(database) },
    auditArchives: auditArchiveStore(database, append),
    keys: keyRotationStore(database, append),
  };
}
