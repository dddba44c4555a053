// The report: Markdown, with the machine and the date, so that it can be pasted as it is.

import { cpus, totalmem } from 'node:os';
import { bare } from './contenders.ts';
import type { MatchingFigures } from './matching.ts';
import type { Sample } from './rounds.ts';
import type { StartFigures } from './start.ts';
import { median } from './statistics.ts';

export interface Report {
  readonly registries: number;
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly pinned: boolean;
  /** Without the warm-up. */
  readonly samples: readonly Sample[];
  readonly matching: MatchingFigures;
  readonly start: StartFigures;
}

/** Prints the figures: medians of the rounds, and of the ratio within each round. */
export function renderReport(report: Report): string {
  const { samples, matching, start } = report;
  return [
    '| operation | server | requests/s | CPU ms/request | p50 ms | p99 ms | RSS MiB | CPU ratio to bare |',
    '|---|---|--:|--:|--:|--:|--:|--:|',
    ...groups(samples).map((group) => row(group, samples)),
    '',
    `Inside the process: matching one image takes ${matching.medianUs.toFixed(0)} µs (median; p99 ${matching.p99Us.toFixed(0)} µs).`,
    `Start: /livez after ${start.liveMs.toFixed(0)} ms, first GraphQL answer after ${start.answerMs.toFixed(0)} ms and ${start.cpuMs.toFixed(0)} ms of CPU time; idle memory ${start.idleRssMiB.toFixed(0)} MiB (medians).`,
    '',
    conditions(report),
    `The CPU ratio is the bare server's CPU time per request by the server's; higher is better, 1.0 is the limit. The memory of every server but Regway holds Node's type stripper and the sources that it read. Regway alone keeps limits and chains its audit events; but for one, the GraphQL servers check no login, and log and count nothing. The load generator never sleeps, so that no server pays for waking it.`,
  ].join('\n');
}

function conditions({ registries, connections, rounds, seconds, pinned }: Report): string {
  const cores = cpus();
  const machine = `${cores[0]?.model ?? 'unknown CPU'}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.versions.node}, ${process.platform}`;
  const load = `${registries.toLocaleString('en')} registries, ${connections} connections, medians of ${rounds} alternating rounds of ${seconds} s`;
  return `${machine}; ${load}; ${pinned ? 'one core for the server, another for the load' : 'not pinned to cores'}; ${new Date().toISOString().slice(0, 10)}.`;
}

/** The samples of one contender and operation, in the order in which they were first run. */
function groups(samples: readonly Sample[]): Sample[][] {
  return [...Map.groupBy(samples, ({ operation, contender }) => `${operation}\n${contender}`).values()];
}

function row(group: readonly Sample[], samples: readonly Sample[]): string {
  const middle = (read: (sample: Sample) => number, digits: number) => median(group.map(read)).toFixed(digits);
  const cells = [
    group[0]?.operation,
    group[0]?.contender,
    middle(({ requestsPerSecond }) => requestsPerSecond, 0),
    middle(({ cpuMsPerRequest }) => cpuMsPerRequest, 3),
    middle(({ p50Ms }) => p50Ms, 2),
    middle(({ p99Ms }) => p99Ms, 2),
    middle(({ rssMiB }) => rssMiB, 0),
    middle((sample) => cpuRatio(sample, samples), 2),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Against the bare server in the same round. */
function cpuRatio({ operation, round, cpuMsPerRequest }: Sample, samples: readonly Sample[]): number {
  const limit = samples.find(
    (other) => other.contender === bare.name && other.operation === operation && other.round === round,
  );
  return (limit?.cpuMsPerRequest ?? Number.NaN) / cpuMsPerRequest;
}
