// `npm run bench:pull`: how fast blobs and manifests pass through Regway, next to nginx as a plain proxy in front of the same registry.
// It makes a directory of its own, ends by itself, and leaves nothing behind.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createCertificateAuthority } from '../e2e/support/certificates.ts';
import { requireBuild } from './contenders.ts';
import { startNginxProxy, startRegway, type PullContender } from './pull-contenders.ts';
import { renderPullReport } from './pull-report.ts';
import { measureBlobs, measureManifests, measureSlowClient } from './pull-rounds.ts';
import { startPullUpstream } from './pull-upstream.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    mebibytes: { type: 'string', default: '200' },
  },
});
const rounds = flag('rounds', 1, 100);
const seconds = flag('seconds', 1, 60);
const blobBytes = flag('mebibytes', 1, 2_000) * 1024 * 1024;

/** The contenders share one core and take turns; the registry and the client have the other. */
const contenderCore = 0;
const otherCore = 1;

requireBuild();
requireTwoCores();
const directory = mkdtempSync(join(tmpdir(), 'regway-bench-pull-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
// Ends through the handler above, and those that stop the servers.
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.once(signal, () => process.exit(code));

const authority = createCertificateAuthority(directory);
say(`writing a blob of ${blobBytes / 1024 / 1024} MiB and starting the servers`);
const upstream = await startPullUpstream(join(directory, 'upstream'), authority, blobBytes, otherCore);
const running: PullContender[] = [];
try {
  for (const start of [startRegway, startNginxProxy]) running.push(await start({ directory, authority, upstream, core: contenderCore }));
  say(`${rounds} rounds of one blob for each server and channel, after a warm-up`);
  const blobs = await measureBlobs(running, upstream, rounds);
  say(`${rounds} rounds of ${seconds} s of manifests`);
  const manifests = await measureManifests(running, upstream, rounds, seconds);
  say('a slow client');
  const slow = await measureSlowClient(running, upstream);
  process.stdout.write(`${renderPullReport({ blobBytes, rounds, seconds, blobs, manifests, slow })}\n`);
} finally {
  await Promise.all([...running, upstream].map((server) => server.stop()));
}

function flag(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`--${name} is a whole number from ${least} to ${most}.\n`);
  process.exit(2);
}

/** Keeps this process off the contenders' core. On one core the client and the registry would be measured too. */
function requireTwoCores(): void {
  if (availableParallelism() < 2) throw new Error('This benchmark needs two cores.');
  execFileSync('taskset', ['-a', '-c', '-p', String(otherCore), String(process.pid)], { stdio: 'ignore' });
}

function say(what: string): void {
  process.stderr.write(`${what} …\n`);
}
