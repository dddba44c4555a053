// Alternating rounds of the pull benchmark: in each, every contender passes every blob and answers manifests, in turns.

import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { download } from './download.ts';
import type { PullContender } from './pull-contenders.ts';
import { channels, type Channel, type PullUpstream } from './pull-upstream.ts';

export interface BlobSample {
  readonly contender: string;
  readonly channel: Channel;
  readonly placement: string;
  readonly round: number;
  readonly bytesPerSecond: number;
  /** Of the contender, for one GiB. */
  readonly cpuSecondsPerGiB: number;
  readonly rssMiB: number;
}

export interface ManifestSample {
  readonly contender: string;
  readonly round: number;
  readonly manifestsPerSecond: number;
  readonly cpuMsPerManifest: number;
  /** Share of its core that this process used; near 1 the client is the limit. */
  readonly clientBusy: number;
}

export interface SlowClientSample {
  readonly contender: string;
  /** Before the client connects. */
  readonly beforeMiB: number;
  /** The most that was seen while it reads. */
  readonly peakMiB: number;
}

/** Enough for machine code, connections and the kernel's buffers to settle. */
const warmUpRounds = 3;
const warmUpSeconds = 3;
const connections = 16;
/** A server that takes longer for one manifest is broken, and the run ends. */
const answerTimeoutMs = 10_000;

/** A slow home line, for as long as a server needs to show that it reads ahead. */
const slowBytesPerSecond = 5_000_000;
const slowSeconds = 8;
const sampleMs = 50;

/** One blob after the other. Samples of the warm-up are left out. */
export async function measureBlobs(
  contenders: readonly PullContender[],
  upstream: PullUpstream,
  placement: string,
  rounds: number,
): Promise<BlobSample[]> {
  const samples: Omit<BlobSample, 'placement'>[] = [];
  for (let round = 1 - warmUpRounds; round <= rounds; round += 1) {
    for (const channel of channels) {
      for (const contender of inTurns(contenders, round))
        samples.push(await takeBlob(contender, upstream, channel, round));
    }
  }
  return samples.filter(({ round }) => round > 0).map((sample) => ({ ...sample, placement }));
}

/** One manifest again and again over a few connections, from the registry with TLS. */
export async function measureManifests(
  contenders: readonly PullContender[],
  upstream: PullUpstream,
  rounds: number,
  seconds: number,
): Promise<ManifestSample[]> {
  for (const contender of contenders) await takeManifests(contender, upstream, 0, warmUpSeconds);
  const samples: ManifestSample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of inTurns(contenders, round))
      samples.push(await takeManifests(contender, upstream, round, seconds));
  }
  return samples;
}

/** Memory while a client reads far slower than the registry sends. */
export async function measureSlowClient(
  contenders: readonly PullContender[],
  upstream: PullUpstream,
): Promise<SlowClientSample[]> {
  const samples: SlowClientSample[] = [];
  for (const contender of contenders) {
    const beforeMiB = contender.rssMiB();
    const signal = AbortSignal.timeout(slowSeconds * 1000);
    const reading = download({
      ...blobRequest(contender, upstream, 'TLS'),
      bytesPerSecond: slowBytesPerSecond,
      signal,
    });
    let peakMiB = beforeMiB;
    while (!signal.aborted) {
      peakMiB = Math.max(peakMiB, contender.rssMiB());
      await pause(sampleMs);
    }
    await reading;
    samples.push({ contender: contender.name, beforeMiB, peakMiB });
  }
  return samples;
}

/** Other load on the machine affects all contenders alike. */
function inTurns(contenders: readonly PullContender[], round: number): readonly PullContender[] {
  return round % 2 === 0 ? contenders.toReversed() : contenders;
}

async function takeBlob(
  contender: PullContender,
  upstream: PullUpstream,
  channel: Channel,
  round: number,
): Promise<Omit<BlobSample, 'placement'>> {
  const cpuMs = contender.cpuMs();
  const { seconds, bytes } = await download({
    ...blobRequest(contender, upstream, channel),
    expectedHash: contender.clientVerifies ? upstream.blobHash : undefined,
  });
  return {
    contender: contender.name,
    channel,
    round,
    bytesPerSecond: bytes / seconds,
    cpuSecondsPerGiB: (contender.cpuMs() - cpuMs) / 1000 / (bytes / 2 ** 30),
    rssMiB: contender.rssMiB(),
  };
}

function blobRequest({ bases, headers }: PullContender, { blobPath, blobBytes }: PullUpstream, channel: Channel) {
  return { url: bases[channel] + blobPath, headers, expectedBytes: blobBytes };
}

async function takeManifests(
  contender: PullContender,
  upstream: PullUpstream,
  round: number,
  seconds: number,
): Promise<ManifestSample> {
  const url = new URL(contender.bases.TLS + upstream.manifestPath);
  const pool = new Pool(url.origin, {
    connections,
    pipelining: 1,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  });
  const headers = { ...contender.headers, accept: 'application/vnd.oci.image.manifest.v1+json' };
  const contenderCpuMs = contender.cpuMs();
  const clientCpu = process.cpuUsage();
  const started = performance.now();
  let count = 0;
  const connection = async (): Promise<void> => {
    while (performance.now() - started < seconds * 1000) {
      const { statusCode, body } = await pool.request({ path: url.pathname, method: 'GET', headers });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`${contender.name} answered ${statusCode} to ${url.href}: ${text}`);
      count += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, connection));
  } finally {
    await pool.destroy();
  }
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(clientCpu);
  return {
    contender: contender.name,
    round,
    manifestsPerSecond: count / (wallMs / 1000),
    cpuMsPerManifest: (contender.cpuMs() - contenderCpuMs) / count,
    clientBusy: (user + system) / 1000 / wallMs,
  };
}
