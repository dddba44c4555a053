// Runs one server as its own process on one core.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { useOf, type ProcessUse } from './process-use.ts';

export interface ServerOptions {
  /** What node runs. */
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Where its output goes. A file: a pipe would make the load generator read every log line. */
  readonly outputFile: string;
  /** The core that it may use, or several as taskset lists them; undefined for any. */
  readonly core: number | string | undefined;
}

export interface BenchServer extends ProcessUse {
  readonly url: string;
  /** SIGTERM to this process, then SIGKILL if it stays. */
  stop(): Promise<void>;
}

/** A busy machine takes its time: the sources of a compared server are stripped of their types first. */
const startTimeoutMs = 120_000;
const stopTimeoutMs = 15_000;

/** None outlives the benchmark. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts the server. @throws Error with its output when it does not come to listen. */
export async function startServer(options: ServerOptions): Promise<BenchServer> {
  const child = launch(options);
  const url = await listeningUrl(child, options.outputFile);
  return {
    url,
    ...useOf(child.pid ?? 0),
    stop: () => stop(child),
  };
}

function launch({ args, environment, outputFile, core }: ServerOptions): ChildProcess {
  const command =
    core === undefined ? [process.execPath, ...args] : ['taskset', '-c', String(core), process.execPath, ...args];
  const output = openSync(outputFile, 'w');
  const child = spawn(command[0] ?? '', command.slice(1), { env: environment, stdio: ['ignore', output, output] });
  closeSync(output);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function listeningUrl(child: ChildProcess, outputFile: string): Promise<string> {
  const deadline = performance.now() + startTimeoutMs;
  while (child.exitCode === null && performance.now() < deadline) {
    const url = /listening on (http:\/\/127\.0\.0\.1:\d+)\n/.exec(readFileSync(outputFile, 'utf8'))?.[1];
    if (url !== undefined) return url;
    await pause(1);
  }
  await stop(child);
  throw new Error(`A server did not come up:\n${readFileSync(outputFile, 'utf8')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await exited;
  clearTimeout(timer);
}
