// Judges a soak: its second half against its first, and its reads while upstreams were bad against those while they were not.

import { percentile } from '../../bench/statistics.ts';
import type { SoakLoad } from './soak-load.ts';

/** The measurements at one moment. */
export interface SoakSample {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly rssBytes: number;
  readonly resources: number;
  readonly delayP99Ms: number;
  readonly files: number;
  readonly walBytes: number;
}

interface Bound {
  readonly name: string;
  readonly unit: string;
  readonly read: (sample: SoakSample) => number;
  /** How many times the first half's value the second half's may be. */
  readonly factor: number;
  /** The allowed excess above that, in the unit of the value: no leak, for any first half. */
  readonly slack: number;
}

const mebibyte = 1024 * 1024;

/** A leak of one small object at each request would pass each of these within ten minutes. */
const bounds: readonly Bound[] = [
  { name: 'heap after collection', unit: 'MiB', read: ({ heapBytes }) => heapBytes / mebibyte, factor: 1.1, slack: 4 },
  {
    name: 'memory outside of the heap',
    unit: 'MiB',
    read: ({ externalBytes }) => externalBytes / mebibyte,
    factor: 1.2,
    slack: 8,
  },
  { name: 'resident memory', unit: 'MiB', read: ({ rssBytes }) => rssBytes / mebibyte, factor: 1.15, slack: 20 },
  { name: 'write-ahead log', unit: 'MiB', read: ({ walBytes }) => walBytes / mebibyte, factor: 1.2, slack: 4 },
  { name: 'open files', unit: '', read: ({ files }) => files, factor: 1.1, slack: 10 },
  { name: 'active resources', unit: '', read: ({ resources }) => resources, factor: 1.1, slack: 10 },
  // Of a machine that others use too.
  { name: 'event-loop delay (p99)', unit: 'ms', read: ({ delayP99Ms }) => delayP99Ms, factor: 2, slack: 20 },
];

/** A read may take so many times as long, and so much longer, while upstreams are down or slow: they share one processor with the server. */
const badFactor = 2;
const badSlackMs = 10;

export interface Verdict {
  /** Markdown. */
  readonly table: string;
  readonly excesses: readonly string[];
}

/** @param samples in the order of time; the first fifth (two turns of ten) is warming up and counts for nothing. */
export function judgeSoak(samples: readonly SoakSample[], latencies: SoakLoad['latencies']): Verdict {
  const warm = samples.slice(Math.ceil(samples.length / 5));
  const [first, second] = [warm.slice(0, warm.length >> 1), warm.slice(warm.length >> 1)];
  const growth = bounds.map(({ name, unit, read, factor, slack }) => {
    const [before, after] = [meanOf(first.map(read)), meanOf(second.map(read))];
    return { name: unit === '' ? name : `${name}, ${unit}`, before, after, limit: before * factor + slack };
  });
  const reads = (['list', 'get'] as const).flatMap((kind) =>
    (
      [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const
    ).map(([label, share]) => {
      const [before, after] = [percentile(latencies.calm[kind], share), percentile(latencies.bad[kind], share)];
      return { name: `${kind} ${label}, ms`, before, after, limit: before * badFactor + badSlackMs };
    }),
  );
  return {
    table: [
      ...tableOf(['first half', 'second half'], growth),
      '',
      ...tableOf(['upstreams good', 'down and slow'], reads),
    ].join('\n'),
    excesses: [...growth, ...reads]
      .filter(({ after, limit }) => after > limit)
      .map(({ name, after, limit }) => `${name}: ${after.toFixed(1)} is above ${limit.toFixed(1)}`),
  };
}

/** Both halves hold as many turns with bad upstreams as without, and the mean weighs them alike. */
function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

interface Row {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly limit: number;
}

function tableOf([before, after]: readonly [string, string], rows: readonly Row[]): string[] {
  return [
    `| | ${before} | ${after} | limit |`,
    '|---|--:|--:|--:|',
    ...rows.map(
      (row) => `| ${row.name} | ${row.before.toFixed(1)} | ${row.after.toFixed(1)} | ${row.limit.toFixed(1)} |`,
    ),
  ];
}
