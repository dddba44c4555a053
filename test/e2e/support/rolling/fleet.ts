// Three replicas on fixed ports of loopback, which are replaced one after the other as an orchestrator does it.

import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { executableArguments } from '../../../support/built.ts';
import { makeTemporaryDirectory } from '../../../support/temporary/directory.ts';
import { pause, type Program, startProgram } from '../child-process.ts';
import { freePort } from '../free-port.ts';
import { newDataDirectory, projectRoot, serverEnvironment } from '../server.ts';

export interface Fleet {
  /** `127.0.0.1:port` of each. */
  readonly hosts: readonly string[];
  /** The settings of all. */
  readonly settings: Readonly<Record<string, string>>;
  /** The token of the first start. */
  readonly token: string;
  /** Replaces each in turn: SIGTERM, exit, start, ready, and then some time before the next. @returns milliseconds that each took to end. */
  roll(version?: Version): Promise<readonly number[]>;
  output(): string;
  stop(): Promise<void>;
}

/** A directory with a built Regway. */
export interface Version {
  readonly directory: string;
}

/** The version of this tree. */
export const present: Version = { directory: projectRoot };

/** Milliseconds between a replica that became ready and the next that is stopped: longer than the balancers need to notice. */
const betweenMs = 1_500;
/** Milliseconds. A replica starts while the load keeps the machine busy. */
const readyTimeoutMs = 90_000;

/** Starts them. @param more settings of all. */
export async function startFleet(more: Readonly<Record<string, string>>, version = present): Promise<Fleet> {
  const settings = { REGWAY_KEYRING_FILE: join(newDataDirectory(), 'keyring'), ...more };
  const ports = [await freePort('127.0.0.1'), await freePort('127.0.0.1'), await freePort('127.0.0.1')];
  const outputs: string[] = [];
  const start = async (port: number, from: Version): Promise<Program> => {
    const [executable = '', ...rest] = executableArguments('serve').toReversed().slice(1);
    const program = await startProgram({
      command: process.execPath,
      args: [...rest.toReversed(), executable.replace(projectRoot, from.directory), 'serve'],
      env: serverEnvironment(newDataDirectory(), { REGWAY_LISTEN: `127.0.0.1:${port}`, ...settings }),
      cwd: from.directory,
      ready: [/Regway is listening on/],
      readyTimeoutMs,
    });
    await untilReady(port);
    return program;
  };
  // The first creates the keyring, which an operator would then copy to all.
  const programs: Program[] = [];
  for (const port of ports) programs.push(await start(port, version));
  const end = async (program: Program): Promise<number> => {
    const startedMs = performance.now();
    const { code, signal } = await program.end('SIGTERM');
    outputs.push(program.stdout() + program.stderr());
    if (code !== 0) throw new Error(`a replica ended with ${code ?? signal}:\n${outputs.at(-1)}`);
    return performance.now() - startedMs;
  };
  return {
    settings,
    hosts: ports.map((port) => `127.0.0.1:${port}`),
    token: /#token=(rgw_[^\s"'<>]+)/.exec(programs[0]?.stdout() ?? '')?.[1] ?? '',
    async roll(next = version) {
      const endedMs: number[] = [];
      for (const [index, port] of ports.entries()) {
        endedMs.push(await end(programs[index] as Program));
        programs[index] = await start(port, next);
        await pause(betweenMs);
      }
      return endedMs;
    },
    output: () => [...outputs, ...programs.map((program) => program.stdout() + program.stderr())].join(''),
    async stop() {
      await Promise.all(programs.map(end));
    },
  };
}

async function untilReady(port: number): Promise<void> {
  const endMs = performance.now() + readyTimeoutMs;
  while ((await fetch(`http://127.0.0.1:${port}/readyz`)).status !== 200) {
    if (performance.now() > endMs) throw new Error(`the replica on port ${port} does not become ready`);
    await pause(50);
  }
}

/** Makes a later version of this tree: the same program with one migration more. @param statements of PostgreSQL. */
export function nextVersion(statements: readonly string[]): Version {
  const directory = makeTemporaryDirectory('next');
  for (const name of ['dist', 'drizzle', 'schema', 'package.json'])
    cpSync(join(projectRoot, name), join(directory, name), { recursive: true });
  symlinkSync(join(projectRoot, 'node_modules'), join(directory, 'node_modules'));
  const folder = join(directory, 'drizzle/postgres');
  const journalFile = join(folder, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as { entries: object[] };
  const tag = '9999_next';
  journal.entries.push({ idx: journal.entries.length, version: '7', when: Date.now(), tag, breakpoints: true });
  writeFileSync(journalFile, JSON.stringify(journal));
  writeFileSync(join(folder, `${tag}.sql`), statements.join('--> statement-breakpoint\n'));
  return { directory };
}
