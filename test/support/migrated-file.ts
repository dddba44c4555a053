// Creates SQLite files that are migrated already: the tables are made once for each worker, and each test gets a copy.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openStore } from '../../src/database/store.ts';
import { migrationsDir } from '../database/harness.ts';
import { makeTemporaryDirectory } from './temporary/directory.ts';

let migrated: Promise<Buffer> | undefined;

/** Writes a database without rows, as the store creates it, readable only by its owner. Directories above it are made. */
export async function createMigratedFile(path: string): Promise<void> {
  migrated ??= migrate();
  const bytes = await migrated;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes, { mode: 0o600 });
}

async function migrate(): Promise<Buffer> {
  const url = join(makeTemporaryDirectory('migrated', 'memory'), 'regway.db');
  const store = await openStore({ url, migrationsDir });
  // The log becomes part of the file.
  await store.close();
  return readFileSync(url);
}
