// Reads and edits the embedded database of a stopped server, as a user with the file and an SQL shell could.

import Database from 'better-sqlite3';
import { filesBelow } from './marker.ts';

/** The first 16 bytes of every SQLite file. */
const sqliteMagic = 'SQLite format 3\0';

/** The path of the one database in a data directory. */
export function databaseFile(dataDirectory: string): string {
  const found = [...filesBelow(dataDirectory)].filter(([, bytes]) => bytes.toString('latin1', 0, 16) === sqliteMagic);
  if (found[0] === undefined || found.length > 1) {
    throw new Error(`expected one SQLite file in ${dataDirectory}, found ${found.length}`);
  }
  return found[0][0];
}

/** Opens the database, passes it to the work, and closes it again. */
export function withDatabase<Result>(dataDirectory: string, work: (database: Database.Database) => Result): Result {
  const database = new Database(databaseFile(dataDirectory));
  try {
    return work(database);
  } finally {
    database.close();
  }
}
