// Alternating rounds: every contender runs every operation in each round, in turns, so that what else the machine does meets all alike.

import { contenders, startContender, type Contender } from './contenders.ts';
import { load, type LoadOptions, type LoadTarget } from './load.ts';
import type { Operation } from './operations.ts';
import type { BenchServer } from './server.ts';
import { percentile } from './statistics.ts';

/** One contender under one operation in one round. */
export interface Sample {
  readonly contender: string;
  readonly operation: string;
  readonly round: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly cpuMsPerRequest: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** At the end of the round. */
  readonly rssMiB: number;
  readonly generatorBusy: number;
}

export interface RoundOptions extends LoadOptions {
  readonly rounds: number;
  readonly dataDir: string;
  readonly token: string;
  /** The core of the servers; undefined for any. */
  readonly core: number | undefined;
  readonly operations: readonly Operation[];
}

interface Running {
  readonly contender: Contender;
  readonly server: BenchServer;
}

/** Enough for the machine code of every operation to settle. */
const warmUpSeconds = 2;

/** Starts every contender, warms each up, and runs the rounds. The samples of the warm-up have the round 0. */
export async function runRounds(options: RoundOptions): Promise<Sample[]> {
  const running: Running[] = [];
  try {
    for (const contender of contenders) running.push({ contender, server: await startContender(contender, options.dataDir, options.core) });
    const samples = await runRound(running, { ...options, seconds: warmUpSeconds }, 0);
    for (let round = 1; round <= options.rounds; round += 1) {
      samples.push(...(await runRound(round % 2 === 0 ? running.toReversed() : running, options, round)));
    }
    return samples;
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()));
  }
}

async function runRound(running: readonly Running[], options: RoundOptions, round: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const operation of options.operations) {
    for (const one of running) samples.push(await takeSample(one, operation, options, round));
  }
  return samples;
}

async function takeSample({ contender, server }: Running, operation: Operation, options: RoundOptions, round: number): Promise<Sample> {
  const target: LoadTarget = { url: server.url, token: options.token };
  const cpuMs = server.cpuMs();
  const { requests, latenciesMs, seconds, generatorBusy } = await load(target, operation, options);
  return {
    contender: contender.name,
    operation: operation.name,
    round,
    requests,
    requestsPerSecond: latenciesMs.length / seconds,
    cpuMsPerRequest: (server.cpuMs() - cpuMs) / requests,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    rssMiB: server.rssMiB(),
    generatorBusy,
  };
}
