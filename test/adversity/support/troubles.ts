// The pieces that troubles are made of: a call that is repeated until it is told to stop, and a command of the product.

import { setTimeout as pause } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { postGraphql, projectRoot } from '../../e2e/support/server.ts';
import { executableArguments } from '../../support/built.ts';
import type { Subject } from './kit.ts';

/** Repeats a call, this many side by side, until the returned function is called. A failed call is repeated too. */
export function repeat(sideBySide: number, call: (index: number) => Promise<unknown>): () => Promise<void> {
  const stop = new AbortController();
  const one = async (index: number): Promise<void> => {
    while (!stop.signal.aborted) await call(index).catch(() => pause(50));
  };
  const all = Array.from({ length: sideBySide }, (_, index) => one(index));
  return async () => {
    stop.abort();
    await Promise.all(all);
  };
}

/** Sends one operation and reads its answer. */
export async function ask({ url, token }: Subject, query: string, variables: object = {}): Promise<string> {
  const { text } = await postGraphql(url, { query, variables }, token);
  return text;
}

/** Runs a command of the product on the data directory again and again. Stopping kills the one that runs. */
export function repeatCommand({ environment }: Subject, ...args: string[]): () => Promise<void> {
  let end = async (): Promise<void> => undefined;
  const stop = repeat(1, async () => {
    const child = spawn(process.execPath, executableArguments(...args), {
      cwd: projectRoot,
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const exited = once(child, 'exit');
    end = async () => {
      child.kill('SIGKILL');
      await exited;
    };
    const [code] = (await exited) as [number | null];
    if (code !== null && code !== 0) console.warn(`regway ${args.join(' ')} ended with ${code}: ${said.slice(0, 500)}`);
  });
  return async () => {
    const stopped = stop();
    await end();
    await stopped;
  };
}
