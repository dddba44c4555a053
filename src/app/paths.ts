// Finds the files of the package (migrations and built pages) and creates the private directories of data and keys.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError } from './config.ts';

/** The directory of package.json, searched upward, because the sources and the bundle are at different depths below it. */
const packageRoot = findPackageRoot(import.meta.dirname);

/** The directory that contains the migrations, in `sqlite/` and `postgres/`. */
export const migrationsDir = join(packageRoot, 'drizzle/');
/** The directory of the built GraphiQL page. */
export const graphiqlDir = join(packageRoot, 'dist/graphiql/');
/** The directory of the built console. */
export const consoleDir = join(packageRoot, 'dist/console/');
/** The directory of the built API browser. */
export const apiDocsDir = join(packageRoot, 'dist/api-docs/');

/**
 * Creates a directory that only its owner can access, unless it exists.
 * @throws ConfigError naming the setting.
 */
export async function makePrivateDirectory(path: string, setting: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new ConfigError([`${setting} names a directory that cannot be created (${code}): ${path}.`]);
  }
}

function findPackageRoot(start: string): string {
  const parent = dirname(start);
  if (existsSync(join(start, 'package.json')) || parent === start) return start;
  return findPackageRoot(parent);
}
