// What lies in a data directory, read past the server: its registries, its audit events, and whether SQLite finds the file sound.

import { withDatabase } from '../../e2e/support/database.ts';

export interface StoredState {
  /** What `PRAGMA integrity_check` says. */
  readonly integrity: unknown;
  /** Name by registry text. */
  readonly registries: ReadonlyMap<string, string>;
  /** Audit events of changes to registries. */
  readonly changes: number;
}

/** Reads the database, replaying what its log holds. */
export function readStored(dataDirectory: string): StoredState {
  return withDatabase(dataDirectory, (database) => ({
    integrity: database.pragma('integrity_check', { simple: true }),
    registries: new Map(database.prepare('SELECT registry, name FROM registry').raw().all() as [string, string][]),
    changes: database.prepare(`SELECT count(*) FROM audit_event WHERE action IN ('registry.create', 'registry.update', 'registry.delete')`).pluck().get() as number,
  }));
}
