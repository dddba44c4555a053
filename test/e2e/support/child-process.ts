// Starts a program, waits for the line that says it is ready, keeps all it prints, and ends it by its pid.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

/** In milliseconds. Registries respond in 50 ms and the server in under a second; two busy cores may need many times that. */
const readyTimeoutMs = 30_000;

/** Milliseconds for a clean stop, requests in flight included. */
const stopTimeoutMs = 20_000;

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Every pattern must be seen in the output, in any order, before the program counts as started. */
  readonly ready: readonly RegExp[];
  /** Milliseconds until then. Defaults to 30,000. */
  readonly readyTimeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly pid: number;
  /** Resolves when it ended and all it printed was read. */
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. Rejects after `stopTimeoutMs`, with the program killed. */
  end(signal: NodeJS.Signals): Promise<Exit>;
}

/**
 * Starts a program.
 * @throws Error with all its output when it ends, or stays silent for `readyTimeoutMs`, before it was ready.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const program = launch(options);
  const deadline = Date.now() + (options.readyTimeoutMs ?? readyTimeoutMs);
  let ended = false;
  void program.exited.then(() => (ended = true));
  const output = () => program.stdout() + program.stderr();
  while (!options.ready.every((pattern) => pattern.test(output()))) {
    if (ended || Date.now() > deadline) {
      await program.end('SIGKILL');
      throw new Error(`${options.command} ${options.args.join(' ')} did not come up:\n${output()}`);
    }
    await pause(20);
  }
  return program;
}

/** Runs a program to its end. Never rejects for its exit code. */
export async function runProgram(
  options: Omit<ProgramOptions, 'ready' | 'readyTimeoutMs'>,
): Promise<Exit & { stdout: string; stderr: string }> {
  const program = launch(options);
  const exit = await program.exited;
  return { ...exit, stdout: program.stdout(), stderr: program.stderr() };
}

/** Waits. */
export async function pause(durationMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, durationMs));
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

function launch({ command, args, env, cwd }: Omit<ProgramOptions, 'ready'>): Program {
  const child = spawn(command, args, { env: env ?? process.env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (printed[stream] += text));
  }
  running.add(child);
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid ?? 0,
    exited,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    async end(signal) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
}
