// Makes the directories that hold data and keys.

import { mkdir } from 'node:fs/promises';
import { ConfigRefused } from './config.ts';

/**
 * Makes a directory that only its owner can enter, unless it is there.
 * @throws ConfigRefused naming the setting.
 */
export async function makePrivateDirectory(path: string, setting: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new ConfigRefused([`${setting} names a directory that cannot be made (${code}): ${path}.`]);
  }
}
