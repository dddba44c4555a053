// `npm run bench`: how fast the server is on many registries, next to a bare node:http server on the same statements.
// It makes a data directory of its own, ends by itself, and leaves nothing behind.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { requireBuild } from './contenders.ts';
import { createdHost, seededRegistries } from './data.ts';
import { measureMatching } from './matching.ts';
import { operations } from './operations.ts';
import { renderReport } from './report.ts';
import { runRounds, type Sample } from './rounds.ts';
import { databaseFile, seed } from './seed.ts';
import { measureStart } from './start.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '16' },
    registries: { type: 'string', default: '100000' },
  },
});
const rounds = flag('rounds', 1, 100);
const seconds = flag('seconds', 1, 60);
const connections = flag('connections', 1, 1000);
const seeded = seededRegistries(flag('registries', 20_000, 2_000_000));

const serverCore = 0;
const loadCore = 1;

requireBuild();
const directory = mkdtempSync(join(tmpdir(), 'regway-bench-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
// Ends through the handler above, and those that stop the servers.
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.once(signal, () => process.exit(code));

const dataDir = join(directory, 'data');
const pinned = pinLoad();
say(`seeding ${seeded.length} registries`);
const token = await seed(dataDir, seeded);
say('matching images inside the process');
const matching = await measureMatching(dataDir, seeded);
say('starting the bundle');
const start = await measureStart(dataDir, token);
say(`${rounds} rounds of ${seconds} s for each server and operation, after a warm-up`);
const core = pinned ? serverCore : undefined;
const samples = await runRounds({ rounds, seconds, connections, dataDir, token, core, operations: operations(seeded) });
requireEveryCreate(samples);
const measured = samples.filter(({ round }) => round > 0);
process.stdout.write(`${renderReport({ registries: seeded.length, connections, rounds, seconds, pinned, samples: measured, matching, start })}\n`);

function flag(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`--${name} is a whole number from ${least} to ${most}.\n`);
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
function requireEveryCreate(all: readonly Sample[]): void {
  const acknowledged = all.filter(({ operation }) => operation === 'create').reduce((sum, { requests }) => sum + requests, 0);
  const database = new Sqlite(databaseFile(dataDir), { readonly: true });
  const count = (statement: string) => Number(database.prepare(statement).pluck().get(`${createdHost}/`));
  const rows = count('SELECT count(*) FROM registry WHERE instr(registry, ?) = 1');
  const events = count("SELECT count(*) FROM audit_event WHERE action = 'registry.create' AND instr(target_text, ?) = 1");
  database.close();
  if (rows !== acknowledged || events !== acknowledged) throw new Error(`${acknowledged} creates were acknowledged, but there are ${rows} rows and ${events} audit events.`);
}

function say(what: string): void {
  process.stderr.write(`${what} …\n`);
}
