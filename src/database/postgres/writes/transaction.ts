// Runs one transaction on a connection, and is honest about its end: stored, not stored, or unknown.

import type { ClientBase } from 'pg';
import type { Queries } from '../../database.ts';
import { failureWith, maybeStored } from '../../errors.ts';
import { beginTransaction, type Connection, isNoLongerSuitable, type Pool } from '../pool.ts';

/** Two transactions that wait for each other: the server undid this one. */
const deadlock = '40P01';

/** Runs work in a transaction, and once more if the server ended that because of a deadlock. */
export async function transaction<T>(pool: Pick<Pool, 'use'>, work: (queries: Queries) => Promise<T>): Promise<T> {
  const run = () => pool.use((connection) => runTransaction(connection, work));
  try {
    return await run();
  } catch (error) {
    if (sqlStateOf(error) !== deadlock) throw error;
    return await run();
  }
}

async function runTransaction<T>({ client, queries }: Connection, work: (queries: Queries) => Promise<T>): Promise<T> {
  await client.query(beginTransaction);
  try {
    const result = await work(queries);
    await commit(client);
    return result;
  } catch (error) {
    // A connection that cannot roll back is closed, which does the same.
    await rollBack(client).catch(() => undefined);
    throw error;
  }
}

/**
 * Commits.
 * @param ended the statements that were sent before and have not been answered.
 * @throws what one of them threw; `maybeStored` if the server ends or does not answer, because the transaction may be stored.
 */
export async function commit(client: ClientBase, ended?: Promise<unknown>): Promise<void> {
  const { command } = await client.query('COMMIT').catch((error: unknown) => {
    const state = sqlStateOf(error);
    throw state === undefined || isNoLongerSuitable(error) ? maybeStored(state ?? 'NO_ANSWER') : error;
  });
  await ended;
  // After a failed statement, PostgreSQL answers COMMIT with ROLLBACK and no error.
  if (command !== 'COMMIT') throw failureWith('ROLLED_BACK');
}

export async function rollBack(client: ClientBase): Promise<void> {
  await client.query('ROLLBACK');
}

/** Returns the SQLSTATE of an error of the server, which the driver and Drizzle throw. https://www.postgresql.org/docs/15/errcodes-appendix.html */
export function sqlStateOf(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if ('code' in error && /^[0-9A-Z]{5}$/.test(String(error.code))) return String(error.code);
  return undefined;
}
