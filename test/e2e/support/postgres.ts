// A PostgreSQL server of its own for a suite: a new cluster in a temporary directory, on a free port of loopback.

import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Program, startProgram } from './child-process.ts';
import { freePort } from './free-port.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export interface PostgresServer {
  /** `postgres://…` of an empty database. */
  readonly url: string;
  /** Ends the server as a power cut would, without a shutdown; `start` recovers it. */
  crash(): Promise<void>;
  /** Ends each process of the server with SIGKILL, as a machine does that has no memory left. */
  kill(): Promise<void>;
  /** Stops each process of the server without ending it: connections stay, are even made, and nothing is answered. */
  hang(): void;
  /** Lets it go on after `hang`. */
  resume(): void;
  /** All that it printed since its last start. */
  output(): string;
  start(): Promise<void>;
  /** Ends the server and removes the cluster. */
  stop(): Promise<void>;
}

/**
 * Starts a server whose database sorts by the rules of a language, as most do: a store that leans on them shows it.
 * @param more settings as `name=value`.
 * @param files contents by name, in the server's working directory, which is the one above its data.
 */
export async function startPostgres(
  more: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const folder = programFolder();
  const directory = makeTemporaryDirectory('postgres');
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { mode: 0o600 });
  const port = await freePort('127.0.0.1');
  const user = serverUser(directory);
  const cluster = join(directory, 'cluster');
  const locale = ['--encoding=UTF8', '--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US'];
  const [command, ...initdb] = [
    ...user,
    join(folder, 'initdb'),
    '--username=regway',
    '--auth=trust',
    ...locale,
    cluster,
  ];
  execFileSync(command, initdb, { stdio: 'pipe', cwd: directory });
  const settings = [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-k',
    directory,
    // After a crash the server syncs its files: with thousands of them, one by one takes half a minute on a busy disk.
    ...['recovery_init_sync_method=syncfs', ...more].flatMap((setting) => ['-c', setting]),
  ];
  const launch = (): Promise<Program> => {
    const [program, ...args] = [...user, join(folder, 'postgres'), '-D', cluster, ...settings];
    return startProgram({ command: program, args, cwd: directory, ready: [/ready to accept connections/] });
  };
  let server = await launch();
  return {
    url: `postgres://regway@127.0.0.1:${port}/postgres`,
    async crash() {
      // SIGQUIT ends every process of the server at once, with no checkpoint.
      await server.end('SIGQUIT');
    },
    async kill() {
      const processes = childrenOf(server.pid);
      await server.end('SIGKILL');
      processes.forEach(killIfThere);
    },
    hang() {
      process.kill(server.pid, 'SIGSTOP');
      // The kernel's list omits some processes while others end (proc_tid_children(5)), so it is read until it contains no new one.
      const stopped = new Set<number>();
      for (let found = childrenOf(server.pid); found.some((pid) => !stopped.has(pid)); found = childrenOf(server.pid)) {
        for (const pid of found) process.kill(pid, 'SIGSTOP');
        found.forEach((pid) => stopped.add(pid));
      }
    },
    resume: () => [...childrenOf(server.pid), server.pid].forEach((pid) => process.kill(pid, 'SIGCONT')),
    output: () => server.stdout() + server.stderr(),
    async start() {
      server = await launch();
    },
    async stop() {
      await server.end('SIGINT');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Most end by themselves once the first process has ended. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Debian keeps the programs of each version in a folder of its own, off the PATH. */
function programFolder(): string {
  const folder = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1);
  if (folder === undefined) {
    throw new Error('PostgreSQL is missing: sudo apt-get install --no-install-recommends postgresql');
  }
  return folder;
}

/** The start of a command line: database servers refuse to run as root; there, they run as the user that their package made, who gets the directory. */
export function serverUser(directory: string): [] | [string, ...string[]] {
  if (process.getuid?.() !== 0) {
    return [];
  }
  execFileSync('chown', ['-R', 'postgres:postgres', directory]);
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--'];
}
