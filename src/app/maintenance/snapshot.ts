// Opens a database for the commands that only read.

import { Problem } from '../../core/shared/problem.ts';
import { type Moment, openSnapshot, type Snapshot } from '../../database/snapshot.ts';
import { explainingFailure } from '../../database/store.ts';
import { migrationsDir } from '../paths.ts';

/** Opens a snapshot of one moment, runs `work` with it, and closes it. @throws like `openSnapshot`, DatabaseAwayError with the host if it cannot be reached, and the errors of `work`. */
export function withSnapshot<Result>(url: string, work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
  return opened(url, 'ONE', work);
}

/** As `withSnapshot`, but each page is as it is when it is read, so that a long command keeps nothing of a running server. */
export function withPages<Result>(url: string, work: (pages: Snapshot) => Promise<Result>): Promise<Result> {
  return opened(url, 'EACH_READ', work);
}

async function opened<Result>(
  url: string,
  moment: Moment,
  work: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  const snapshot = await explainingFailure(url, () => openSnapshot({ url, migrationsDir, moment }));
  try {
    return await work(snapshot);
  } finally {
    await snapshot.close();
  }
}

/**
 * Requires the tables of this version, because a command that only reads does not migrate.
 * @throws Problem `INVALID_INPUT` for an earlier version; StoreError for a later version or another program's database.
 */
export async function requireCurrentTables(snapshot: Snapshot): Promise<void> {
  if ((await snapshot.missingMigrations()) > 0)
    throw new Problem(
      'INVALID_INPUT',
      'The tables are of an earlier version. Start the server, which migrates them, then run this command again.',
    );
}
