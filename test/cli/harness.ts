// Runs the built command line as its own process against a server that is one too.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, vi } from 'vitest';
import { startServer, type RegwayServer } from '../e2e/support/server.ts';
import { builtExecutable, ensureBuilt } from '../support/built.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Added to the environment; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface CommandLine {
  readonly server: RegwayServer;
  /** XDG_CONFIG_HOME of every run. */
  readonly configHome: string;
  /** Runs `regway` with the server and its first token in the environment. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Registry texts that the server has stored. */
  stored(): Promise<string[]>;
}

/** A test here starts up to ten processes, and each may take a second on a busy machine. */
const testTimeoutMs = 60_000;

/** A server and a command line for the tests of one file. */
export function useCommandLine(): CommandLine {
  vi.setConfig({ testTimeout: testTimeoutMs });
  let server: RegwayServer;
  const configHome = mkdtempSync(join(tmpdir(), 'regway-config-'));
  beforeAll(async () => {
    await ensureBuilt();
    server = await startServer({ settings: { REGWAY_LOG_LEVEL: 'warn' } });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(configHome, { recursive: true, force: true });
  });
  return {
    get server() {
      return server;
    },
    configHome,
    run: (args, { input, env } = {}) =>
      runRegway(args, {
        input: input ?? '',
        env: { REGWAY_URL: server.url, REGWAY_TOKEN: server.firstToken(), XDG_CONFIG_HOME: configHome, ...env },
      }),
    async stored() {
      const { body } = await server.graphql('{ registries(first: 100) { nodes { registry } } }');
      return (body.data as { registries: { nodes: { registry: string }[] } }).registries.nodes.map(
        ({ registry }) => registry,
      );
    },
  };
}

/** Runs the executable to its end, without a terminal. */
export function runRegway(args: readonly string[], { input = '', env = {} }: RunOptions = {}): Promise<Outcome> {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(REGWAY_|VITEST|NODE_|FORCE_COLOR|XDG_)/.test(name)),
  );
  const child = spawn(process.execPath, [builtExecutable, ...args], { env: { ...inherited, ...env }, stdio: 'pipe' });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => (printed[stream] += text));
  child.stdin.on('error', () => undefined).end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...printed })));
}
