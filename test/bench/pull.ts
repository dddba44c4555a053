// `npm run bench:pull`: how fast blobs and manifests pass through Regway, next to nginx as a plain proxy in front of the same registry.
// Blobs pass in two placements. On two cores: Regway with all its threads and nginx with its one worker may use the same two, and the registry
// and the client the others, or the same two where there are no more. On one core: the server has one, the registry and the client another.
// Regway verifies the digest; nginx passes bytes, so it is measured twice: as it is, and with a client that verifies the content. The benchmark uses its own directory, ends by itself, and leaves nothing behind.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createCertificateAuthority } from '../e2e/support/certificates.ts';
import { requireBuild } from './contenders.ts';
import { nginxName, startNginxProxy, startRegway, withVerifyingClient, type PullContender } from './pull-contenders.ts';
import { renderPullReport } from './pull-report.ts';
import { measureBlobs, measureManifests, measureSlowClient } from './pull-rounds.ts';
import { startPullUpstream, type PullUpstream } from './pull-upstream.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

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

/** Cores as taskset lists them; the contenders take turns. */
const twoCores = {
  name: 'two cores',
  contender: '0,1',
  others: availableParallelism() > 2 ? `2-${availableParallelism() - 1}` : '0,1',
};
const oneCore = { name: 'one core', contender: '0', others: '1' };
type Placement = typeof twoCores;

requireBuild();
requireTwoCores();
const directory = makeTemporaryDirectory('bench-pull');
// Runs the handlers of the exit: they stop the servers and remove the directory.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

const authority = createCertificateAuthority(directory);
const shared = await withServers(twoCores, (running, upstream) =>
  measureBlobs(withVerifying(running), upstream, twoCores.name, rounds),
);
const report = await withServers(oneCore, async (running, upstream) => {
  const blobs = [...shared, ...(await measureBlobs(withVerifying(running), upstream, oneCore.name, rounds))];
  say(`${rounds} rounds of ${seconds} s of manifests`);
  const manifests = await measureManifests(running, upstream, rounds, seconds);
  say('a slow client');
  return { blobBytes, rounds, seconds, blobs, manifests, slow: await measureSlowClient(running, upstream) };
});
process.stdout.write(`${renderPullReport(report)}\n`);

/** Blobs pass nginx a second time, with a client that verifies them, because one side has to. The plain proxy stays last, and all others are compared with it. */
function withVerifying(running: readonly PullContender[]): readonly PullContender[] {
  return running.flatMap((contender) =>
    contender.name === nginxName ? [withVerifyingClient(contender), contender] : [contender],
  );
}

/** Starts the servers in a placement, measures, and stops them. */
async function withServers<Result>(
  placement: Placement,
  measure: (running: readonly PullContender[], upstream: PullUpstream) => Promise<Result>,
): Promise<Result> {
  say(
    `${placement.name}: ${rounds} rounds of a blob of ${blobBytes / 1024 / 1024} MiB for each server and channel, after a warm-up`,
  );
  const home = join(directory, placement.name.replace(' ', '-'));
  execFileSync('taskset', ['-a', '-c', '-p', placement.others, String(process.pid)], { stdio: 'ignore' });
  const upstream = await startPullUpstream(join(home, 'upstream'), authority, blobBytes, placement.others);
  const running: PullContender[] = [];
  try {
    for (const start of [startRegway, startNginxProxy])
      running.push(await start({ directory: home, authority, upstream, cores: placement.contender }));
    return await measure(running, upstream);
  } finally {
    await Promise.all([...running, upstream].map((server) => server.stop()));
    rmSync(home, { recursive: true, force: true });
  }
}

function flag(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`--${name} is a whole number from ${least} to ${most}.\n`);
  process.exit(2);
}

/** On one core the client and the registry would be measured too. */
function requireTwoCores(): void {
  if (availableParallelism() < 2) throw new Error('This benchmark needs two cores.');
}

function say(what: string): void {
  process.stderr.write(`${what} …\n`);
}
