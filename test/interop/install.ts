// Installs the packages of this directory when they are missing or older than their lock, for `npm run test:e2e` and `npm run bench`.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The packages of a lock, as npm also writes them into node_modules once all are installed. */
interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>;
}

/** Runs `npm ci` in this directory unless every package is installed in the version of the lock. */
export function installInterop(): void {
  if (!isInstalled()) {
    const npm = ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'];
    execFileSync('npm', npm, { stdio: 'inherit' });
  }
}

function isInstalled(): boolean {
  const wanted = readLock('package-lock.json');
  const installed = readLock('node_modules/.package-lock.json');
  return Object.entries(wanted?.packages ?? {}).every(
    // npm leaves out an optional package that is made for another system.
    ([path, { version, optional }]) =>
      path === '' || (optional && !installed?.packages[path]) || installed?.packages[path]?.version === version,
  );
}

function readLock(path: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(join(import.meta.dirname, path), 'utf8')) as Lock;
  } catch {
    return undefined;
  }
}

if (import.meta.main) installInterop();
