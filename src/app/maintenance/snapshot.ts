// One moment of a database with the migrations of this program, for the commands that only read.

import { Problem } from '../../core/shared/problem.ts';
import { openSnapshot, type Snapshot } from '../../database/snapshot.ts';
import { migrationsDir } from '../paths.ts';

/** Opens a snapshot for one piece of work. @throws as `openSnapshot`. */
export async function withSnapshot<Result>(
  url: string,
  work: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  const snapshot = await openSnapshot({ url, migrationsDir });
  try {
    return await work(snapshot);
  } finally {
    await snapshot.close();
  }
}

/**
 * Refuses tables that cannot be read yet, since a command that only reads migrates nothing.
 * @throws Problem `INVALID_INPUT` for an earlier version; StoreError for a later one, or another program's.
 */
export async function refuseEarlierTables(snapshot: Snapshot): Promise<void> {
  if ((await snapshot.missingMigrations()) > 0)
    throw new Problem(
      'INVALID_INPUT',
      'The tables are of an earlier version: start the server, which migrates them, and repeat this then.',
    );
}
