// What a trouble did to the well-behaved client: the worst of all runs, beside quiet times and the control, and which limits it broke.

import { percentile } from '../../bench/statistics.ts';
import type { RequestKind, Sample } from './client-process.ts';
import type { Delay } from './control-process.ts';

/** What was seen in one stretch of time. */
export interface Stretch {
  readonly samples: readonly Sample[];
  readonly delays: readonly Delay[];
  /** The most memory of the server, in MiB. */
  readonly maxRssMiB: number;
}

/** What was seen of one trouble. */
export interface Observation {
  readonly trouble: string;
  readonly quiet: Stretch;
  readonly runs: readonly Stretch[];
  /** Resident memory of the server before the trouble, and at most a minute after it, in MiB. */
  readonly rssBeforeMiB: number;
  readonly rssAfterMiB: number;
  /** Seconds after the trouble until the memory was given back, at most 60. */
  readonly recoverySeconds: number;
}

/** The limits. All times are in milliseconds. */
export const limits = {
  p99Ms: 250,
  /** The p99 may be this many times that of quiet times. */
  quietFactor: 3,
  /** Below this a factor says nothing: two busy cores alone make it. */
  smallMs: 100,
  livezP99Ms: 50,
  waitMs: 1_000,
  rssMiB: 400,
  keptMiB: 60,
} as const;

export interface KindReport {
  readonly kind: RequestKind;
  readonly quietP99Ms: number;
  /** Of the worst run. */
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly count: number;
}

/** Returns the figures of each kind of request: the quiet ones, and those of the worst run. */
export function reportKinds({ quiet, runs }: Observation): KindReport[] {
  const kinds = [...new Set(quiet.samples.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const of = ({ samples }: Stretch) =>
      samples.filter((sample) => sample.kind === kind).map((sample) => sample.durationMs);
    return {
      kind,
      quietP99Ms: percentile(of(quiet), 0.99),
      p99Ms: Math.max(...runs.map((run) => percentile(of(run), 0.99))),
      maxMs: Math.max(...runs.flatMap(of)),
      count: runs.flatMap(of).length,
    };
  });
}

/** Returns a sentence for each limit that was broken. @param slack what the limits of time and of kept memory are multiplied by. */
export function brokenLimits(observation: Observation, slack: number): string[] {
  const { runs, rssBeforeMiB, rssAfterMiB } = observation;
  const maxRssMiB = Math.max(...runs.map((run) => run.maxRssMiB));
  return [
    ...reportKinds(observation).flatMap((report) => brokenByKind(report, slack)),
    ...runs.flatMap((run) => longWaits(run, limits.waitMs * slack)),
    ...runs.flatMap(({ samples }) =>
      samples.flatMap(({ kind, fault }) => (fault === undefined ? [] : [`${kind} failed: ${fault}`])),
    ),
    ...(maxRssMiB > limits.rssMiB ? [`The server took ${shown(maxRssMiB)} MiB, more than ${limits.rssMiB}.`] : []),
    ...(rssAfterMiB > rssBeforeMiB + limits.keptMiB * slack
      ? [
          `A minute later the server kept ${shown(rssAfterMiB)} MiB, ${limits.keptMiB * slack} more than the ${shown(rssBeforeMiB)} before.`,
        ]
      : []),
  ];
}

/** On a machine whose quiet times alone come near a limit, the factor decides: the limits are those of two cores without other work. */
function mostMs(kind: RequestKind, quietP99Ms: number): number {
  const [absolute, small] = kind === 'livez' ? [limits.livezP99Ms, limits.livezP99Ms] : [limits.p99Ms, limits.smallMs];
  const relative = limits.quietFactor * quietP99Ms;
  return relative > absolute ? relative : Math.max(small, relative);
}

function brokenByKind({ kind, quietP99Ms, p99Ms, count }: KindReport, slack: number): string[] {
  const most = mostMs(kind, quietP99Ms) * slack;
  if (count === 0) return [`No ${kind} was answered.`];
  return p99Ms > most ? [`The p99 of ${kind} was ${shown(p99Ms)} ms, more than ${shown(most)}.`] : [];
}

/** Waits of which the control saw less than half. */
function longWaits({ samples, delays }: Stretch, waitMs: number): string[] {
  return samples
    .filter(({ durationMs }) => durationMs > waitMs)
    .filter(({ startedAt, durationMs }) => {
      const seen = delays
        .filter(({ endedAt }) => endedAt > startedAt && endedAt - startedAt < durationMs + 1_000)
        .reduce((sum, delay) => sum + delay.durationMs, 0);
      return seen < durationMs / 2;
    })
    .map(({ kind, durationMs }) => `A ${kind} waited ${shown(durationMs)} ms, and the machine was not the reason.`);
}

/** The report as a table. */
export function reportTable(observation: Observation): string {
  const { trouble, quiet, runs, rssBeforeMiB, rssAfterMiB, recoverySeconds } = observation;
  const maxDelayMs = Math.max(0, ...runs.flatMap(({ delays }) => delays.map(({ durationMs }) => durationMs)));
  const quietDelayMs = Math.max(0, ...quiet.delays.map(({ durationMs }) => durationMs));
  const rows = [
    ['', 'quiet p99', 'p99', 'longest', 'answers'],
    ...reportKinds(observation).map(({ kind, quietP99Ms, p99Ms, maxMs, count }) => [
      kind,
      `${shown(quietP99Ms)} ms`,
      `${shown(p99Ms)} ms`,
      `${shown(maxMs)} ms`,
      String(count),
    ]),
    ['control', '', '', `${shown(maxDelayMs)} ms`, `quiet ${shown(quietDelayMs)} ms`],
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
  const memory = `memory: ${shown(rssBeforeMiB)} MiB before, at most ${shown(Math.max(...runs.map((run) => run.maxRssMiB)))}, ${shown(rssAfterMiB)} after ${shown(recoverySeconds)} s`;
  return `${trouble}, the worst of ${runs.length} runs\n  ${lines.join('\n  ')}\n  ${memory}`;
}

function shown(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
