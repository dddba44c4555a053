// Runs before the first suite: keeps all temporary files of the run, those of its child processes included, in one directory. The directory is
// removed at the end, and a run that left a directory of Regway in it fails. Compiled code is kept for the next run.

import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryDirectory, removeTemporaryDirectories } from './directory.ts';

/** Sets the temporary directory of this process and of the workers that it starts. */
export function setup(): void {
  const directory = makeTemporaryDirectory('run');
  // PostgreSQL runs as a user of its own, in a directory below this one.
  chmodSync(directory, 0o711);
  process.env['TMPDIR'] = directory;
  // Threads and processes that run sources need half of their time to strip types and to compile, each for itself.
  process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '../../../node_modules/.cache/compiled');
  // Before the directory itself is removed, and after every other teardown.
  process.prependOnceListener('exit', () => failIfAnyIsLeft(directory));
}

/** Programs of others, such as browsers, may leave files. Those of this process, such as a database for several suites, are removed first. */
function failIfAnyIsLeft(directory: string): void {
  removeTemporaryDirectories(directory);
  const left = readdirSync(directory).filter((name) => name.startsWith('regway-'));
  if (left.length === 0) return;
  process.exitCode = 1;
  console.error(`The run left temporary directories behind: ${left.join(', ')}`);
}
