// Transactions that wait for the disk at the same time share one commit: each is stored or undone for itself, and none is acknowledged before the commit.

import { setImmediate } from 'node:timers/promises';

import type Sqlite from 'better-sqlite3';

type Connection = InstanceType<typeof Sqlite>;

/** The first waits for the last, and each takes about a tenth of a millisecond. */
const maxShared = 64;

export interface SharedCommits {
  /** Adds a transaction, which the next `run` takes. It settles after its commit. */
  add<T>(work: () => Promise<T>): Promise<T>;
  /** Runs what waits, in the order in which it came, and commits it. Never rejects. Nothing else may use the connection meanwhile. */
  run(): Promise<void>;
}

interface Member {
  /** Runs it, and gives what tells its caller how it went. @throws what it throws. */
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

/** @param connection the one that the works write through. */
export function createSharedCommits(connection: Connection): SharedCommits {
  const waiting: Member[] = [];
  return {
    add: (work) =>
      new Promise((resolve, reject) => {
        const run = async () => {
          const value = await work();
          return () => resolve(value);
        };
        waiting.push({ run, fail: reject });
      }),
    async run() {
      if (waiting.length === 0) return;
      // Requests that arrived together are all read in one turn of the event loop; this waits for its end.
      await setImmediate();
      await commitTogether(connection, waiting.splice(0, maxShared));
    },
  };
}

async function commitTogether(connection: Connection, members: readonly Member[]): Promise<void> {
  try {
    connection.exec('BEGIN IMMEDIATE');
    const outcomes: (() => void)[] = [];
    for (const member of members) outcomes.push(await runMember(connection, member));
    connection.exec('COMMIT');
    for (const tell of outcomes) tell();
  } catch (error) {
    for (const member of members) member.fail(error);
    rollBack(connection);
  }
}

/** What cannot be undone now is when the next one, which fails at its start, comes here. */
function rollBack(connection: Connection): void {
  try {
    // SQLite itself has rolled back already after some errors, such as a full disk.
    if (connection.inTransaction) connection.exec('ROLLBACK');
  } catch {
    // The members heard what went wrong first.
  }
}

/** @throws when the failure of one undid all. */
async function runMember(connection: Connection, member: Member): Promise<() => void> {
  connection.exec('SAVEPOINT member');
  try {
    const tell = await member.run();
    connection.exec('RELEASE member');
    return tell;
  } catch (error) {
    if (!connection.inTransaction) throw error;
    connection.exec('ROLLBACK TO member');
    connection.exec('RELEASE member');
    return () => member.fail(error);
  }
}
