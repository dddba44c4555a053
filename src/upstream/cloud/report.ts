// Turns a cloud's failure into the report of a validation, and into the problem of a pull.

import { LoginNotIssued, type ValidationReport, type ValidationStep } from '../../core/registry/report.ts';
import { CloudFailure } from './failure.ts';

/** Returns the report of a validation or a pull that ended with a cloud's failure. @param steps The failed step, if there is one. */
export function failedReport(
  { message, advice, retryable, retryAfter }: CloudFailure,
  steps: readonly ValidationStep[],
  now: Date,
): ValidationReport {
  return {
    outcome: 'NATIVE_CREDENTIAL_ERROR',
    message,
    advice,
    retryable,
    retryAfter: retryAfter ?? null,
    realmHost: null,
    checkedAt: now.getTime(),
    durationMs: steps.reduce((sum, { durationMs }) => sum + durationMs, 0),
    steps,
  };
}

/** Runs a step of a pull. @throws LoginNotIssued for a cloud's failure; any other error unchanged. */
export async function toProblem<Result>(now: () => Date, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof CloudFailure)) throw error;
    throw new LoginNotIssued(failedReport(error, [], now()), error.isRateLimit);
  }
}
