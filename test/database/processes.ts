// Runs the store in processes of their own.

import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Opens the store in `count` processes at once. Returns what each did as the first: stored the key, created the token. */
export async function openInProcesses(url: string, count: number): Promise<{ key: boolean; token: boolean }[]> {
  const script = join(import.meta.dirname, 'open.child.ts');
  const runs = Array.from({ length: count }, () => promisify(execFile)(process.execPath, [script, url]));
  return (await Promise.all(runs)).map(({ stdout }) => JSON.parse(stdout) as { key: boolean; token: boolean });
}

/**
 * Writes in another process and kills it with SIGKILL.
 * @param killAfter acknowledged writes before the kill.
 * @returns the numbers of the writes that it acknowledged.
 */
export async function writeUntilKilled(url: string, firstNumber: number, killAfter: number): Promise<number[]> {
  const script = join(import.meta.dirname, 'write.child.ts');
  const child = spawn(process.execPath, [script, url, String(firstNumber)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > killAfter) {
      child.kill('SIGKILL');
    }
  });
  const signal = await new Promise((resolve) => child.once('close', (_, by) => resolve(by)));
  if (signal !== 'SIGKILL') {
    throw new Error('The writer ended by itself.');
  }
  return output.split('\n').slice(0, -1).map(Number);
}
