// The report of the pull benchmark: Markdown, with the machine and the date, so that it can be pasted as it is.

import { cpus, totalmem } from 'node:os';
import { channels, type Channel } from './pull-upstream.ts';
import type { BlobSample, ManifestSample, SlowClientSample } from './pull-rounds.ts';
import { median } from './statistics.ts';

export interface PullReport {
  readonly blobBytes: number;
  readonly rounds: number;
  readonly seconds: number;
  /** The product's first, the one that all are compared with last. */
  readonly blobs: readonly BlobSample[];
  readonly manifests: readonly ManifestSample[];
  readonly slow: readonly SlowClientSample[];
}

/** Prints the figures: medians of the rounds, and of the ratio within each round. */
export function renderPullReport(report: PullReport): string {
  const placements = [...new Set(report.blobs.map(({ placement }) => placement))];
  const names = [...new Set(report.slow.map(({ contender }) => contender))];
  const blobNames = [...new Set(report.blobs.map(({ contender }) => contender))];
  return [
    '| what | server | MB/s | ratio to nginx | CPU s/GiB | CPU ratio | RSS MiB |',
    '|---|---|--:|--:|--:|--:|--:|',
    ...placements.flatMap((placement) =>
      channels.flatMap((channel) =>
        blobNames.map((name) => blobRow(report, placement, channel, name, names.at(-1) ?? '')),
      ),
    ),
    '',
    '| what | server | manifests/s | CPU ms/manifest |',
    '|---|---|--:|--:|',
    ...names.map((name) => manifestRow(report, name)),
    '',
    '| what | server | RSS MiB before | at most |',
    '|---|---|--:|--:|',
    ...report.slow.map(
      ({ contender, beforeMiB, peakMiB }) =>
        `| a client of 5 MB/s | ${contender} | ${beforeMiB.toFixed(0)} | ${peakMiB.toFixed(0)} |`,
    ),
    '',
    conditions(report),
  ].join('\n');
}

function blobRow(
  { blobs, blobBytes }: PullReport,
  placement: string,
  channel: Channel,
  name: string,
  reference: string,
): string {
  const own = blobs.filter(
    (sample) => sample.placement === placement && sample.channel === channel && sample.contender === name,
  );
  const ratios = (read: (sample: BlobSample) => number) =>
    own.map((sample) => {
      const other = blobs.find(
        (one) =>
          one.contender === reference &&
          one.round === sample.round &&
          one.channel === channel &&
          one.placement === placement,
      );
      return other === undefined ? Number.NaN : read(sample) / read(other);
    });
  const cells = [
    `blob of ${(blobBytes / 2 ** 20).toFixed(0)} MiB, upstream with ${channel}; ${placement}`,
    name,
    (median(own.map(({ bytesPerSecond }) => bytesPerSecond)) / 1e6).toFixed(0),
    median(ratios(({ bytesPerSecond }) => bytesPerSecond)).toFixed(2),
    median(own.map(({ cpuSecondsPerGiB }) => cpuSecondsPerGiB)).toFixed(2),
    median(ratios(({ cpuSecondsPerGiB }) => 1 / cpuSecondsPerGiB)).toFixed(2),
    Math.max(...own.map(({ rssMiB }) => rssMiB)).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

function manifestRow({ manifests }: PullReport, name: string): string {
  const own = manifests.filter(({ contender }) => contender === name);
  const busy = Math.max(...own.map(({ clientBusy }) => clientBusy));
  const limited = busy > 0.9 ? ' (limited by the client)' : '';
  return `| manifest, warm tokens, upstream with TLS | ${name} | ${median(own.map(({ manifestsPerSecond }) => manifestsPerSecond)).toFixed(0)}${limited} | ${median(own.map(({ cpuMsPerManifest }) => cpuMsPerManifest)).toFixed(3)} |`;
}

function conditions({ rounds, seconds }: PullReport): string {
  const cores = cpus();
  const machine = `${cores[0]?.model ?? 'unknown CPU'}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.versions.node}, ${process.platform}`;
  return `${machine}; medians of ${rounds} alternating rounds, of ${seconds} s each for manifests; manifests and the slow client with one core for the server and another for registry and client; the CPU ratio is nginx's CPU time by the server's, so that more is better as in the ratio of speeds; RSS is the most of all rounds; ${new Date().toISOString().slice(0, 10)}.`;
}
