// Alternating rounds: every contender runs every operation in each round, in turns, so that what else the machine does meets all alike.

import { contenders, startContender, type Contender } from './contenders.ts';
import { load, type LoadOptions } from './load.ts';
import type { Operation } from './operations.ts';
import type { BenchServer } from './server.ts';
import { percentile } from './statistics.ts';

/** One contender under one operation in one round. */
export interface Sample {
  readonly contender: string;
  readonly operation: string;
  readonly round: number;
  /** All that were answered, those of the run-in too. */
  readonly answered: number;
  readonly requestsPerSecond: number;
  readonly cpuMsPerRequest: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** At the end of the round. */
  readonly rssMiB: number;
}

export interface RaceOptions {
  readonly dataDir: string;
  readonly token: string;
  /** The core of the servers; undefined for any. */
  readonly core: number | undefined;
  readonly operations: readonly Operation[];
}

/** Each sample is run in alike. */
type SampleLoad = Omit<LoadOptions, 'runInSeconds'>;

export interface RoundOptions extends SampleLoad {
  readonly rounds: number;
}

export interface Race {
  /** Under every operation, until the machine code of each has settled. */
  warmUp(seconds: number): Promise<Sample[]>;
  run(options: RoundOptions): Promise<Sample[]>;
  stop(): Promise<void>;
}

interface Running {
  readonly contender: Contender;
  readonly server: BenchServer;
}

/** A quarter of a second is some thousand requests. */
const runInSeconds = 0.25;
/** As many as in most measurements; the code does not depend on it. */
const warmUpConnections = 16;

/** Starts every contender. */
export async function startRace(options: RaceOptions): Promise<Race> {
  const running: Running[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(running.map(({ server }) => server.stop())));
  try {
    for (const contender of contenders)
      running.push({ contender, server: await startContender(contender, options.dataDir, options.core) });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    warmUp: (seconds) => runRound(running, options, { seconds, connections: warmUpConnections }, 0),
    run: async ({ rounds, ...sampleLoad }) => {
      const samples: Sample[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        samples.push(...(await runRound(round % 2 === 0 ? running.toReversed() : running, options, sampleLoad, round)));
      }
      return samples;
    },
    stop,
  };
}

async function runRound(
  running: readonly Running[],
  race: RaceOptions,
  sampleLoad: SampleLoad,
  round: number,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const operation of race.operations) {
    for (const one of running)
      samples.push(await takeSample(one, operation, { ...sampleLoad, token: race.token, round }));
  }
  return samples;
}

interface SampleOptions extends SampleLoad {
  readonly token: string;
  readonly round: number;
}

async function takeSample(
  { contender, server }: Running,
  operation: Operation,
  { token, round, ...sampleLoad }: SampleOptions,
): Promise<Sample> {
  let cpuMs = 0;
  const onRunIn = (): void => void (cpuMs = server.cpuMs());
  const { runInRequests, latenciesMs, seconds } = await load(
    { url: server.url, token },
    operation,
    { ...sampleLoad, runInSeconds },
    onRunIn,
  );
  const requests = latenciesMs.length;
  return {
    contender: contender.name,
    operation: operation.name,
    round,
    answered: runInRequests + requests,
    requestsPerSecond: requests / seconds,
    cpuMsPerRequest: (server.cpuMs() - cpuMs) / requests,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    rssMiB: server.rssMiB(),
  };
}
