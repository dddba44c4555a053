// Runs a helper as its own process, so that what it measures is not delayed by the tests, and takes what it measured in the meantime.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A running helper, which returns a `Measured` each time. */
export interface HelperProcess<Measured> {
  /** What it measured since the last call. */
  take(): Promise<Measured>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts a file of this directory and waits until it is ready. @param options is passed to it as JSON. */
export async function startHelper<Measured>(file: string, options: object = {}): Promise<HelperProcess<Measured>> {
  const environment = Object.entries(process.env).filter(([name]) => !/^(REGWAY_|VITEST|NODE_)/.test(name));
  const child = fork(new URL(file, import.meta.url), [JSON.stringify(options)], {
    env: Object.fromEntries(environment),
    execArgv: [],
    serialization: 'advanced',
  });
  running.add(child);
  const ended = once(child, 'exit').then(() => {
    running.delete(child);
    throw new Error(`${file} ended by itself.`);
  });
  ended.catch(() => undefined);
  const nextMessage = async (): Promise<unknown> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as unknown[];
    return message;
  };
  await nextMessage();
  return {
    async take() {
      const answer = nextMessage();
      child.send('take');
      return (await answer) as Measured;
    },
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** In a helper: says that it is ready, and answers each request by what `take` returns. */
export function answerRequests(take: () => unknown): void {
  process.on('message', () => process.send?.(take()));
  process.once('disconnect', () => process.exit());
  process.send?.('ready');
}

/** In a helper: its options, as `startHelper` got them. */
export function helperOptions(): unknown {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** Milliseconds of one clock that all processes share. */
export function sharedClock(): number {
  return performance.timeOrigin + performance.now();
}
