// Measures, inside the process, the search for the registry that a pull of an image would use, among many registries.

import type { Caller } from '../../src/core/authz/principal.ts';
import { createRegistries, type Registries } from '../../src/core/registries/registries.ts';
import type { SeededRegistry } from './data.ts';
import { type Exchange, imageMatches } from './operations.ts';
import { openDataDir } from './seed.ts';
import { percentile } from './statistics.ts';

export interface MatchingFigures {
  readonly medianUs: number;
  readonly p99Us: number;
}

/** Enough for the machine code to settle first. */
const warmUpCount = 2_000;
const measuredCount = 5_000;

const caller: Caller = {
  principal: { subject: 'benchmark', account: 'admin', role: 'PULL', images: null, expiresAt: null },
  requestId: 'benchmark',
};

/** Times the use case over the real store, one call after the other. @throws Error when a match is wrong. */
export async function measureMatching(dataDir: string, seeded: readonly SeededRegistry[]): Promise<MatchingFigures> {
  const { store, sealer } = await openDataDir(dataDir);
  const validator = { check: () => Promise.reject(new Error('matching contacts no registry')) };
  const registries = createRegistries({
    ...store,
    sealer,
    validator,
    validationRateLimit: { consume: async () => 0 },
    accountValidationRateLimit: { consume: async () => 0 },
    now: () => new Date(),
    newId: () => '',
    isOwnHost: () => false,
    observeValidation: () => undefined,
    rotationWindowMs: 0,
  });
  const operation = imageMatches(seeded);
  const timesUs: number[] = [];
  for (let count = 0; count < warmUpCount + measuredCount; count += 1)
    timesUs.push(await timeMatchUs(registries, operation.next()));
  await store.close();
  const measured = timesUs.slice(warmUpCount);
  return { medianUs: percentile(measured, 0.5), p99Us: percentile(measured, 0.99) };
}

async function timeMatchUs(registries: Registries, { body, fault }: Exchange): Promise<number> {
  const { variables } = JSON.parse(body) as { variables: unknown };
  const started = performance.now();
  const image = await registries.image(caller, variables);
  const timeUs = (performance.now() - started) * 1000;
  const wrong = fault({ data: { image } });
  if (wrong !== undefined) throw new Error(wrong);
  return timeUs;
}
