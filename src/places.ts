// Where the package keeps its files. This file lies at the same depth as the bundle does, so the same paths hold for both.

import { fileURLToPath } from 'node:url';

/** Holds `sqlite/` and `postgres/`. */
export const migrationsDir = place('../drizzle/');
export const graphiqlDir = place('../dist/graphiql/');
export const consoleDir = place('../dist/console/');
export const apiDocsDir = place('../dist/api-docs/');

function place(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
