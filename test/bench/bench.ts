// `npm run bench`: how fast the server is on many registries, next to a bare node:http server and other GraphQL servers on the same statements.
// It takes about half an hour (`--short`: two minutes), uses its own data directories, and leaves nothing behind.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { installInterop } from '../interop/install.ts';
import { requireBuild } from './contenders.ts';
import { createdHost, seededRegistries } from './data.ts';
import { measureMatching } from './matching.ts';
import { operations } from './operations.ts';
import { renderReport } from './report.ts';
import { startRace, type Race, type Sample } from './rounds.ts';
import { databaseFile, seed } from './seed.ts';
import { measureStart } from './start.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '16,1,256' },
    registries: { type: 'string', default: '100000,1000000' },
    short: { type: 'boolean', default: false },
  },
});
const rounds = numbers('rounds', values.short ? '1' : values.rounds, 1, 100)[0] ?? 1;
const seconds = numbers('seconds', values.short ? '1' : values.seconds, 1, 60)[0] ?? 1;
const connectionCounts = numbers('connections', values.short ? '16' : values.connections, 1, 1000);
const registryCounts = numbers('registries', values.short ? '20000' : values.registries, 20_000, 2_000_000);

/** V8 compiles the product's ways for some ten thousand requests; a server runs for weeks. */
const warmUpSeconds = values.short ? 2 : 8;

const serverCore = 0;
const loadCore = 1;

requireBuild();
installInterop();
const directory = makeTemporaryDirectory('bench');
// Runs the handlers of the exit: they stop the servers and remove the directory.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

const pinned = pinLoad();
for (const count of registryCounts) await measureSize(count);

/** Measures one number of registries, in a data directory of its own. */
async function measureSize(count: number): Promise<void> {
  const seeded = seededRegistries(count);
  const dataDir = join(directory, String(count), 'data');
  say(`seeding ${seeded.length} registries`);
  const token = await seed(dataDir, seeded);
  say('matching images inside the process');
  const matching = await measureMatching(dataDir, seeded);
  say('starting the bundle');
  const start = await measureStart(dataDir, token);
  // One list of operations for all: the registries that they create must be new each time.
  const race = await startRace({
    dataDir,
    token,
    core: pinned ? serverCore : undefined,
    operations: operations(seeded),
  });
  try {
    requireEveryCreate(
      dataDir,
      await runRace(race, (connections, samples) =>
        renderReport({ registries: seeded.length, connections, rounds, seconds, pinned, samples, matching, start }),
      ),
    );
  } finally {
    await race.stop();
  }
  rmSync(dataDir, { recursive: true, force: true });
}

/** Prints a report for each number of connections. Gives every sample. */
async function runRace(
  race: Race,
  render: (connections: number, samples: readonly Sample[]) => string,
): Promise<Sample[]> {
  say(`warming up: ${warmUpSeconds} s for each server and operation`);
  const all = await race.warmUp(warmUpSeconds);
  for (const connections of connectionCounts) {
    say(`${connections} connections: ${rounds} rounds of ${seconds} s for each server and operation`);
    const samples = await race.run({ rounds, seconds, connections });
    process.stdout.write(`${render(connections, samples)}\n\n`);
    all.push(...samples);
  }
  return all;
}

function numbers(name: string, text: string, least: number, most: number): number[] {
  const given = text.split(',').map(Number);
  if (given.every((value) => Number.isInteger(value) && value >= least && value <= most)) return given;
  process.stderr.write(`--${name} takes whole numbers from ${least} to ${most}.\n`);
  process.exit(2);
}

/** Keeps this process off the servers' core. False where that cannot be done: one core, or no taskset. */
function pinLoad(): boolean {
  if (availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** An acknowledged create is a row and an audit event. @throws Error when one is missing or too many. */
function requireEveryCreate(dataDir: string, all: readonly Sample[]): void {
  const acknowledged = all
    .filter(({ operation }) => operation === 'create')
    .reduce((sum, { answered }) => sum + answered, 0);
  const database = new Sqlite(databaseFile(dataDir), { readonly: true });
  const count = (statement: string) => Number(database.prepare(statement).pluck().get(`${createdHost}/`));
  const rows = count('SELECT count(*) FROM registry WHERE instr(registry, ?) = 1');
  const events = count(
    "SELECT count(*) FROM audit_event WHERE action = 'registry.create' AND instr(target_text, ?) = 1",
  );
  database.close();
  if (rows !== acknowledged || events !== acknowledged)
    throw new Error(
      `${acknowledged} creates were acknowledged, but there are ${rows} rows and ${events} audit events.`,
    );
}

function say(what: string): void {
  process.stderr.write(`${what} …\n`);
}
