// Runs the command line against a server that is its own process: in the process of the test, or as the built executable where that matters.

import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, vi } from 'vitest';
import { startServer, type RegwayServer } from '../e2e/support/server.ts';
import { readCommandLineSettings } from '../../src/app/config.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { ensureBuilt, executableArguments } from '../support/built.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface CommandLine {
  readonly server: RegwayServer;
  /** XDG_CONFIG_HOME of every run. */
  readonly configHome: string;
  /** Runs `regway` with the server and its first token in the environment. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** As `run`, with the built executable as a process of its own. */
  execute(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Registry texts that the server has stored. */
  stored(): Promise<string[]>;
}

/** A test here runs up to ten commands, some as processes, which may take a second each on a busy machine. */
const testTimeoutMs = 60_000;

/** A server and a command line for the tests of one file. */
export function useCommandLine(): CommandLine {
  vi.setConfig({ testTimeout: testTimeoutMs });
  let server: RegwayServer;
  const configHome = makeTemporaryDirectory('config');
  beforeAll(async () => {
    await ensureBuilt();
    server = await startServer({ settings: { REGWAY_LOG_LEVEL: 'warn' } });
  });
  afterAll(() => server.stop());
  const withServer = ({ input = '', env }: RunOptions = {}): RunOptions => ({
    input,
    env: { REGWAY_URL: server.url, REGWAY_TOKEN: server.firstToken(), XDG_CONFIG_HOME: configHome, ...env },
  });
  return {
    get server() {
      return server;
    },
    configHome,
    run: (args, options) => runRegway(args, withServer(options)),
    execute: (args, options) => runExecutable(args, withServer(options)),
    async stored() {
      const { body } = await server.graphql('{ registries(first: 100) { nodes { registry } } }');
      return (body.data as { registries: { nodes: { registry: string }[] } }).registries.nodes.map(
        ({ registry }) => registry,
      );
    },
  };
}

/** Runs the built executable as a process of its own to its end, without a terminal. */
export function runExecutable(args: readonly string[], { input = '', env = {} }: RunOptions = {}): Promise<Outcome> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
  const child = spawn(process.execPath, executableArguments(...args), { env: { ...inherited, ...env }, stdio: 'pipe' });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => (printed[stream] += text));
  child.stdin.on('error', () => undefined).end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...printed })));
}

let running: Promise<unknown> = Promise.resolve();

/**
 * Runs one command line in this process, as `main.ts` does, with an environment, a standard input and outputs of its own. One runs at a time,
 * since those belong to the whole process.
 */
export function runRegway(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = running.then(() => runHere(args, options));
  running = outcome.catch(() => undefined);
  return outcome;
}

async function runHere(args: readonly string[], { input = '', env = {} }: RunOptions): Promise<Outcome> {
  const printed = { stdout: '', stderr: '' };
  using restored = new DisposableStack();
  restored.adopt({ ...process.env }, replaceEnvironment);
  const inherited = Object.entries(process.env).filter(([name]) => !isForeign(name));
  replaceEnvironment({ ...Object.fromEntries(inherited), ...env });
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin');
  restored.defer(() => void Object.defineProperty(process, 'stdin', { ...stdin, configurable: true }));
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from(input === '' ? [] : [input]) });
  for (const stream of ['stdout', 'stderr'] as const) {
    const spy = vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
    restored.defer(() => spy.mockRestore());
  }
  const code = await runCommandLine(
    ['node', 'regway', ...args],
    readCommandLineSettings(),
    () => import('../../src/app/commands.ts'),
  );
  return { code, ...printed };
}

function replaceEnvironment(environment: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** Returns whether a variable of the environment of the tests would change the behavior of a command. */
function isForeign(name: string): boolean {
  return /^(REGWAY_|VITEST|NODE_|FORCE_COLOR|XDG_)/.test(name);
}
