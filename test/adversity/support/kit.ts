// Observes a server during a trouble: starts it with many registries, times a well-behaved client in quiet times and in three runs of the trouble.

import { constants, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { inject } from 'vitest';
import { useOf } from '../../bench/process-use.ts';
import { startProgram } from '../../e2e/support/child-process.ts';
import { freePort } from '../../e2e/support/free-port.ts';
import { postGraphql, projectRoot, serverEnvironment } from '../../e2e/support/server.ts';
import { executableArguments } from '../../support/built.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';
import type { ClientOptions, Sample } from './client-process.ts';
import type { Delay } from './control-process.ts';
import { type HelperProcess, startHelper } from './helper-process.ts';
import { healthyCredential } from './registry-process.ts';
import { brokenLimits, limits, type Observation, reportTable, type Stretch } from './report.ts';

/** A server that is to be troubled. */
export interface Subject {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly dataDirectory: string;
  /** The healthy registry that the well-behaved client uses, `localhost:port`: a name, which must be looked up. */
  readonly healthyHost: string;
  /** The environment of commands on its data directory. */
  readonly environment: NodeJS.ProcessEnv;
}

/** One trouble. */
export interface Trouble {
  readonly name: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** A program and its arguments that become the server: Node and its arguments follow. */
  readonly launcher?: readonly string[];
  /** Flags of Node before those of the server. */
  readonly nodeFlags?: readonly string[];
  /** What the trouble needs before the quiet times, such as a registry of its own. Returns what removes it. */
  readonly prepare?: (subject: Subject) => Promise<() => Promise<void>>;
  /** Begins the trouble. Returns what ends it. */
  readonly begin: (subject: Subject) => Promise<() => Promise<void>>;
}

const listening = /Regway is listening on (http:\/\/127\.0\.0\.1:\d+)/;
/** Seconds after the trouble in which memory must be given back. */
const recoverySeconds = 60;
const sampleIntervalMs = 200;

/** Runs a trouble, prints the report, and returns a sentence for each limit that was broken. */
export async function endure(trouble: Trouble): Promise<string[]> {
  const observation = await observe(trouble);
  console.log(reportTable(observation));
  return [...new Set(brokenLimits(observation, inject('adversity').slack))];
}

/** Runs a trouble and returns what was seen. */
export async function observe(trouble: Trouble): Promise<Observation> {
  const directory = makeTemporaryDirectory('adversity');
  const open: (() => Promise<void>)[] = [async () => rmSync(directory, { recursive: true, force: true })];
  try {
    return await observeIn(directory, trouble, open);
  } finally {
    for (const close of open.toReversed()) await close();
  }
}

async function observeIn(directory: string, trouble: Trouble, open: (() => Promise<void>)[]): Promise<Observation> {
  const { seconds, quietSeconds, token, pattern, reference } = inject('adversity');
  const port = await freePort('127.0.0.1');
  const subject = { ...(await startSubject(directory, trouble, token, open)), healthyHost: `localhost:${port}` };
  const registry = await startHelper<null>('registry-process.ts', { port });
  open.push(() => registry.stop());
  const healthy = { host: subject.healthyHost, ...healthyCredential };
  await storeRegistry(subject, healthy.host, healthyCredential);
  if (trouble.prepare !== undefined) open.push(await trouble.prepare(subject));
  const control = await startHelper<Delay[]>('control-process.ts');
  open.push(() => control.stop());
  const client = await startHelper<Sample[]>('client-process.ts', {
    url: subject.url,
    token,
    pattern,
    reference,
    healthy,
  } satisfies ClientOptions);
  open.push(() => client.stop());
  const use = useOf(subject.pid);
  const watch = { client, control, rssMiB: () => use.rssMiB() };
  // Connections are opened, and queries that come again and again are compiled.
  await observeStretch(watch, Math.max(1, quietSeconds / 2));
  const quiet = await observeStretch(watch, quietSeconds);
  const rssBeforeMiB = watch.rssMiB();
  const runs: Stretch[] = [];
  for (let run = 0; run < 3; run++) {
    const end = await trouble.begin(subject);
    try {
      runs.push(await observeStretch(watch, seconds));
    } finally {
      await end();
    }
  }
  const ended = performance.now();
  const elapsed = () => (performance.now() - ended) / 1000;
  const mostKeptMiB = limits.keptMiB * inject('adversity').slack;
  while (watch.rssMiB() > rssBeforeMiB + mostKeptMiB && elapsed() < recoverySeconds) await pause(sampleIntervalMs);
  return { trouble: trouble.name, quiet, runs, rssBeforeMiB, rssAfterMiB: watch.rssMiB(), recoverySeconds: elapsed() };
}

/** Starts the server on a copy of the seeded data, with the settings, flags, and launcher of the trouble. Without its own settings nothing is checked on schedule. */
async function startSubject(
  directory: string,
  { settings, launcher = [], nodeFlags = [] }: Trouble,
  token: string,
  open: (() => Promise<void>)[],
): Promise<Omit<Subject, 'healthyHost'>> {
  const dataDirectory = join(directory, 'data');
  cpSync(inject('adversity').dataDirectory, dataDirectory, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const environment = serverEnvironment(dataDirectory, { REGWAY_REVALIDATE_EVERY: '0', ...settings });
  const [command = '', ...args] = [...launcher, process.execPath, ...nodeFlags, ...executableArguments('serve')];
  const program = await startProgram({ command, args, env: environment, cwd: projectRoot, ready: [listening] });
  open.push(async () => void (await program.end('SIGTERM')));
  const url = listening.exec(program.stdout())?.[1] ?? '';
  return { url, token, pid: program.pid, dataDirectory, environment };
}

/** Stores a registry without validating it. */
export async function storeRegistry(
  { url, token }: Pick<Subject, 'url' | 'token'>,
  registry: string,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  const query =
    'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, secureConnection: false, validate: false) { registry { id } errors { message } } }';
  const { text } = await postGraphql(url, { query, variables: { input: { registry, username, password } } }, token);
  if (!text.includes('"registry":{')) throw new Error(`The registry ${registry} was not stored: ${text}`);
}

interface Watch {
  readonly client: HelperProcess<Sample[]>;
  readonly control: HelperProcess<Delay[]>;
  readonly rssMiB: () => number;
}

/** Watches for some seconds. */
async function observeStretch({ client, control, rssMiB }: Watch, seconds: number): Promise<Stretch> {
  await Promise.all([client.take(), control.take()]);
  const end = performance.now() + seconds * 1000;
  let maxRssMiB = rssMiB();
  while (performance.now() < end) {
    await pause(sampleIntervalMs);
    maxRssMiB = Math.max(maxRssMiB, rssMiB());
  }
  const [samples, delays] = await Promise.all([client.take(), control.take()]);
  return { samples, delays, maxRssMiB };
}
