// Commits waiting transactions together, so that they wait for the disk once: each succeeds or fails separately, and none is acknowledged before the commit.

import { setImmediate } from 'node:timers/promises';

import type Sqlite from 'better-sqlite3';

type Connection = InstanceType<typeof Sqlite>;

/** Maximum number of transactions in one commit. The first waits for the last, and each takes about 0.1 ms. */
const maxMembers = 64;

export interface GroupCommit {
  /** Adds a transaction to the next `run`. Settles after its commit. */
  add<T>(work: () => Promise<T>): Promise<T>;
  /** Runs the waiting transactions in order and commits them. Never rejects. Nothing else may use the connection until it settles. */
  run(): Promise<void>;
}

interface Member {
  /** Runs it and returns what acknowledges it. @throws what it throws. */
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

/** @param connection the one that the transactions write through. */
export function createGroupCommit(connection: Connection): GroupCommit {
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
      await commitTogether(connection, waiting.splice(0, maxMembers));
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

/** Undoes all. If that fails, the next group commit fails at its start and undoes it. */
function rollBack(connection: Connection): void {
  try {
    // SQLite itself has rolled back already after some errors, such as a full disk.
    if (connection.inTransaction) connection.exec('ROLLBACK');
  } catch {
    // The members already got the first error.
  }
}

/** @throws if the failure of one undid all. */
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
