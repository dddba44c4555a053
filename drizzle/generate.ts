// Generates the next migration of each dialect if its tables changed since the last one: `npm run migrations [-- name]`.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { migrationSources } from './config.ts';
import { strictTables } from './strict.ts';

const name = process.argv[2] ?? 'tables';
for (const { dialect, schema, out } of migrationSources) {
  const { status } = spawnSync(
    'drizzle-kit',
    ['generate', `--dialect=${dialect}`, `--schema=${schema}`, `--out=${out}`, `--name=${name}`],
    { cwd: join(import.meta.dirname, '..'), stdio: 'inherit' },
  );
  if (status !== 0) {
    throw new Error(`drizzle-kit could not generate ${out}.`);
  }
  if (dialect === 'sqlite') {
    makeStrict(join(import.meta.dirname, '..', out));
  }
}

/** Makes every migration in the folder strict. Files that were applied somewhere are strict already, so they keep their hash. */
function makeStrict(folder: string): void {
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.sql'))) {
    const path = join(folder, file);
    writeFileSync(path, strictTables(readFileSync(path, 'utf8')));
  }
}
