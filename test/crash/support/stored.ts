// What lies in a data directory, read past the server: its registries, how many changes of them were recorded, and whether all of it is sound.

import { readConfig } from '../../../src/app/config.ts';
import { verify } from '../../../src/app/maintenance/verify.ts';
import { withDatabase } from '../../e2e/support/database.ts';

export interface StoredState {
  /** What is wrong: with the file, the keys, a password or the audit chain. */
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
