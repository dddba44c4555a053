// Reads a data directory without the server: its registries, the number of recorded changes, and its violations.

import { readConfig } from '../../../src/app/config.ts';
import { verify } from '../../../src/app/maintenance/verify.ts';
import { withDatabase } from '../../e2e/support/database.ts';

export interface StoredState {
  /** The violations in the file, the keys, the passwords, or the audit chain. */
  readonly faults: readonly string[];
  /** Name by registry text. */
  readonly registries: ReadonlyMap<string, string>;
  /** Audit events of changes to registries. */
  readonly changes: number;
}

/** Reads the database, replaying what its log holds. */
export async function readStored(dataDirectory: string): Promise<StoredState> {
  const rows = withDatabase(dataDirectory, (database) => ({
    registries: new Map(database.prepare('SELECT registry, name FROM registry').raw().all() as [string, string][]),
    changes: database
      .prepare(
        `SELECT count(*) FROM audit_event WHERE action IN ('registry.create', 'registry.update', 'registry.delete')`,
      )
      .pluck()
      .get() as number,
  }));
  const checks = await verify(readConfig({ REGWAY_DATA_DIR: dataDirectory }));
  return {
    ...rows,
    faults: checks.filter(({ state }) => state !== 'PASSED').map(({ name, message }) => `${name}: ${message}`),
  };
}
