// Hashes the files of a directory, to check that a failed startup changed no byte.

import { createHash } from 'node:crypto';
import { filesBelow } from './marker.ts';

/** The hash of each file by its path. */
export function fingerprintsOf(directory: string): Record<string, string> {
  const files = [...filesBelow(directory)].map(([path, bytes]) => [
    path,
    createHash('sha256').update(bytes).digest('hex'),
  ]);
  return Object.fromEntries(files);
}

/** Without the shared-memory index, which SQLite rebuilds from the log whenever it opens a database. */
export function durable(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !path.endsWith('-shm')));
}
