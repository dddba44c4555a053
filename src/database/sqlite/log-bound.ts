// Keeps the write-ahead log within a bound: long reads of others let it grow, and SQLite never makes its file smaller by itself.

import { statSync } from 'node:fs';
import { busyTimeoutMs, type Connection } from './connection.ts';

/** Bytes above which the log is moved into the file and cut: sixteen times what SQLite writes between two checkpoints. */
const maxLogBytes = 64 * 1024 * 1024;
/** Milliseconds between two looks: a disk writes some hundred megabytes in that time. */
const lookMs = 1_000;
/** Milliseconds that writes wait for readers to leave the log; the next look tries again. */
const checkpointTimeoutMs = 100;

/** Returns the size of a database's write-ahead log in bytes; 0 without a log. */
export function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Looks after the log for as long as the process or thread has other work.
 * @param inTurn runs work while nothing else uses the connection.
 * @returns what ends it.
 */
export function boundLog(
  writer: Connection,
  path: string,
  inTurn: (work: () => Promise<void>) => Promise<void>,
): () => void {
  let isCutting = false;
  const look = (): void => {
    if (isCutting || logBytes(path) <= maxLogBytes) return;
    isCutting = true;
    void inTurn(async () => cut(writer)).finally(() => (isCutting = false));
  };
  const timer = setInterval(look, lookMs).unref();
  return () => clearInterval(timer);
}

function cut(writer: Connection): void {
  try {
    writer.pragma(`busy_timeout = ${checkpointTimeoutMs}`);
    writer.pragma('wal_checkpoint(TRUNCATE)');
  } catch {
    // The next look tries again. Writes meet a full or failing disk themselves, and tell their callers of it.
  } finally {
    writer.pragma(`busy_timeout = ${busyTimeoutMs}`);
  }
}
