// Validates a credential and prints each step as it ends.

import { suggestType } from '../../core/registry/registry.ts';
import type { Client } from '../api/client.ts';
import { checkStepsOperation, type CreateInput, type Payload, type Report } from '../api/operations.ts';
import { CommandFailure, notReachable, refused } from '../errors.ts';
import { printable, printNote } from '../terminal/terminal.ts';
import { reportJson } from './output.ts';
import type { CheckRequest } from './advice.ts';
import { printReport, printStep, printOutcome } from './report.ts';

/** Runs a check and returns its report, whatever the outcome. @throws CommandFailure if the server rejects the request. */
export async function checkWithSteps(
  client: Client,
  input: CreateInput,
  secureConnection: boolean,
  asked: CheckRequest,
): Promise<Report> {
  for await (const { registryCheck } of client.stream(checkStepsOperation, {
    input,
    secureConnection,
  })) {
    if (registryCheck.step !== null) printStep(registryCheck.step);
    if (registryCheck.report !== null) {
      printOutcome(registryCheck.report, asked);
      return registryCheck.report;
    }
  }
  throw notReachable('The server ended the check without a report. Run the command again.');
}

/** Prints which type the host suggests, if no type was given. The type is not changed. */
export function noteSuggestedType({ registry, type }: CreateInput): void {
  const suggestion = type === undefined ? suggestType(registry) : null;
  if (suggestion === null) return;
  printNote(
    `This host looks like ${suggestion.service}: add --type=${suggestion.type.toLowerCase()} to use a credential of that cloud. Continuing as docker_v2.`,
  );
}

/** Creates the error of a command whose credential did not pass validation, after its report was printed. */
export function checkFailed(report: Report, consequence: string): CommandFailure {
  return refused(consequence, {
    errors: [
      {
        code: 'VALIDATION_FAILED',
        reason: report.outcome,
        message: report.message,
        field: null,
        retryAfter: report.retryAfter,
      },
    ],
    validation: reportJson(report),
  });
}

/** Prints the report of a payload that contains an error. @throws CommandFailure if the payload contains one. */
export function throwPayloadErrors({ errors, validation }: Payload, asked: CheckRequest): void {
  const [error] = errors;
  if (error === undefined) return;
  const answer = { errors, validation: validation ? reportJson(validation) : null };
  if (!validation) throw refused(printable(error.message), answer);
  printReport(validation, asked);
  // The report has said why.
  const reason = error.code === 'VALIDATION_FAILED' ? [] : [printable(error.message)];
  throw refused(['Nothing was changed.', ...reason].join(' '), answer);
}
