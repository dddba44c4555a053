// Builds the executable: dist/ is rebuilt once if a source is younger, for any number of suites.

import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
/** In milliseconds. The build takes 2 s; a much older lock was left by a killed run. */
const staleLockMs = 60_000;

/** The built executable. */
export const builtExecutable = join(root, 'dist/regway.js');

/** Arguments for Node that run the built executable with the flags of its own first line, as a shell does. */
export function executableArguments(...args: readonly string[]): string[] {
  const [firstLine = ''] = readFileSync(builtExecutable, 'utf8').split('\n', 1);
  const flags = /^#!\/usr\/bin\/env -S node (--.+)$/.exec(firstLine)?.[1];
  if (flags === undefined) throw new Error(`The built executable starts with ${firstLine}, which names no flags.`);
  return [...flags.split(' '), builtExecutable, ...args];
}

/** Builds dist/ unless it is as young as its sources. */
export async function ensureBuilt(): Promise<void> {
  const caches = join(root, 'node_modules/.cache');
  mkdirSync(caches, { recursive: true });
  const lock = join(caches, 'build.lock');
  while (!tryLock(lock)) await pause(100);
  try {
    if (ageOf(builtExecutable) < youngestSource())
      await promisify(execFile)(process.execPath, [join(root, 'src/build/build.ts')], { cwd: root });
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    if (Date.now() - ageOf(lock) > staleLockMs) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function youngestSource(): number {
  const sources = globSync(['src/**/*', 'package.json'], { cwd: root });
  return Math.max(...sources.map((source) => ageOf(join(root, source))));
}

/** Returns the time of the last change in epoch milliseconds; 0 if the file does not exist. */
function ageOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
