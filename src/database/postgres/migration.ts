// Runs a migration beside servers of an older version: one process at a time, and without a queue of their reads behind its wait for a table.

import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Migration, MigrationResult, Queries } from '../database.ts';

/** Milliseconds that servers which start at once wait for the one that migrates, and that a migration tries to lock its tables. */
const waitMs = 60_000;

/**
 * Milliseconds that a migration waits for one table. PostgreSQL lets every later read of the table wait behind it, so this must be far below the
 * time-out of other servers' locks, and below that after which PostgreSQL looks for deadlocks and ends one of the transactions (1 s).
 */
const tableLockTimeoutMs = 800;

/** Milliseconds between two attempts, in which the reads that waited run. */
const retryMs = 400;

/** The number of the lock that migrations hold; any that nothing else uses on this database ("regway" in ASCII). */
const migrationLock = '125779853140345';

/** Runs one transaction. */
type Transaction = <T>(work: (queries: Queries) => Promise<T>) => Promise<T>;

/**
 * Runs `work` in a transaction that no other migration runs beside. If a table is in use for too long, all of it is rolled back and tried again.
 * @throws what `work` throws; the lock time-out of PostgreSQL (55P03) after a minute.
 */
export async function runMigration(
  transaction: Transaction,
  work: (migration: Migration) => Promise<MigrationResult>,
): Promise<void> {
  const endMs = performance.now() + waitMs;
  for (;;) {
    try {
      return await transaction((queries) => lockAndRun(queries, work));
    } catch (error) {
      if (!isLockTimeout(error) || performance.now() > endMs) throw error;
    }
    await pause(retryMs);
  }
}

async function lockAndRun(queries: Queries, work: (migration: Migration) => Promise<MigrationResult>): Promise<void> {
  const run = async (statement: string) => void (await queries.execute(sql.raw(statement)));
  await run(`SET LOCAL statement_timeout = 0`);
  await run(`SET LOCAL lock_timeout = ${waitMs}`);
  await run(`SELECT pg_advisory_xact_lock(${migrationLock})`);
  await run(`SET LOCAL lock_timeout = ${tableLockTimeoutMs}`);
  await work({ queries, run });
}

function isLockTimeout(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ('code' in error && error.code === '55P03') return true;
  return false;
}
