// A program on a pseudo-terminal (`script` of util-linux), with a person who answers when asked.

import { spawn } from 'node:child_process';

export interface TerminalSession {
  /** All that the terminal showed. */
  readonly screen: string;
  readonly code: number | null;
}

export interface TerminalOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** The input after each prompt, in this order. */
  readonly answers?: readonly (readonly [prompt: string, typed: string])[];
  readonly columns?: number;
}

/** Milliseconds after which a user would have stopped waiting. */
const sessionTimeoutMs = 60_000;

/** Runs a command line on a terminal of its own, to its end. */
export function onTerminal(
  command: readonly string[],
  { env = process.env, answers = [], columns = 100 }: TerminalOptions = {},
): Promise<TerminalSession> {
  const quoted = command.map((argument) => `'${argument.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn(
    'script',
    ['--quiet', '--return', '--command', `stty cols ${columns}; exec ${quoted}`, '/dev/null'],
    { env, stdio: 'pipe' },
  );
  const waiting = [...answers];
  let screen = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    const [next] = waiting;
    if (next === undefined || !screen.slice(seen).includes(next[0])) return;
    waiting.shift();
    seen = screen.length;
    child.stdin.write(next[1]);
  });
  child.stderr.resume();
  const timer = setTimeout(() => child.kill('SIGKILL'), sessionTimeoutMs);
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ screen, code });
    }),
  );
}
