// Makes the temporary directories of tests, crash runs, and benchmarks. Each is removed at the end of its test file, or else of its process.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The file system in memory of Linux. */
const memory = '/dev/shm';
const made = new Set<string>();
let isRemovedAtExit = false;

/**
 * Makes an empty directory.
 * @param name What the directory is for; part of its path.
 * @param where `memory` where many durable writes are not the subject of a test. Systems without a file system in memory use the disk.
 */
export function makeTemporaryDirectory(name: string, where: 'disk' | 'memory' = 'disk'): string {
  if (!isRemovedAtExit) process.once('exit', () => removeTemporaryDirectories());
  isRemovedAtExit = true;
  const directory = mkdtempSync(join(where === 'memory' && existsSync(memory) ? memory : tmpdir(), `regway-${name}-`));
  made.add(directory);
  return directory;
}

/**
 * Removes every directory that this process made and that still exists. Programs that write to one must have ended.
 * @param kept The one to keep.
 */
export function removeTemporaryDirectories(kept?: string): void {
  for (const directory of made) {
    if (directory === kept) continue;
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    made.delete(directory);
  }
}
