// Says what went wrong between us and an upstream to the one who pulls.

import type { PullSource } from '../../core/ports.ts';
import { Problem } from '../../core/shared/problem.ts';
import { UpstreamFailure } from '../errors/network-errors.ts';
import { describe, noFacts } from '../errors/outcomes.ts';

/**
 * Runs a step of a pull; its failures become a Problem.
 * @throws Problem `UPSTREAM_FAILED` with the outcome as its reason.
 */
export async function explain<Result>(source: PullSource, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof UpstreamFailure ? problemOf(source, error) : error;
  }
}

function problemOf({ host, repository, registry }: PullSource, failure: UpstreamFailure): Problem {
  const { outcome, facts } = failure;
  const own = { host, repository, username: registry?.username ?? '', secureConnection: registry?.secureConnection ?? true };
  // Names in a certificate are the upstream's own words, which nobody has made safe here.
  const { message, hint } = describe(outcome, { ...noFacts, ...own, ...facts, certificateNames: '' });
  const retryAfter = facts.retryAfter ?? undefined;
  return new Problem('UPSTREAM_FAILED', hint === null ? message : `${message} ${hint}`, { reason: outcome, retryAfter, cause: failure });
}
