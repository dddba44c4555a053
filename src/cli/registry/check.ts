// Checks a credential while the person watches: every step is printed as it ends.

import { suggestType } from '../../core/registry/registry.ts';
import type { Client } from '../api/client.ts';
import { checkStepsOperation, type CreateInput, type Payload, type Report } from '../api/operations.ts';
import { CommandFailure, notReachable, refused } from '../errors.ts';
import { printable, printNote } from '../terminal/terminal.ts';
import { reportJson } from './output.ts';
import { type CheckRequest, printReport, printStep, printVerdict } from './report.ts';

/** Runs the check and gives its report, good or bad. @throws CommandFailure when the server refuses to check at all. */
export async function checkWithSteps(client: Client, input: CreateInput, asked: CheckRequest): Promise<Report> {
  for await (const { registryCheck } of client.stream(checkStepsOperation, {
    input,
    secureConnection: asked.secureConnection,
  })) {
    if (registryCheck.step !== null) printStep(registryCheck.step);
    if (registryCheck.report !== null) {
      printVerdict(registryCheck.report, asked);
      return registryCheck.report;
    }
  }
  throw notReachable('The server ended the check without a report. Run the command again.');
}

/** Says what the host looks like when no type was given; the type stays what it is. */
export function noteSuggestedType({ registry, type }: CreateInput): void {
  const suggestion = type === undefined ? suggestType(registry) : null;
  if (suggestion === null) return;
  printNote(
    `This host looks like ${suggestion.service}: add --type=${suggestion.type.toLowerCase()} to log in with an identity of that cloud. Going on as docker_v2.`,
  );
}

/** Ends a command whose credential the registry did not take. The report has been printed. */
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

/** @throws CommandFailure when the payload of a mutation holds an error; a report that came with it is printed first, if it was not before. */
export function throwPayloadErrors({ errors, validation }: Payload, asked: CheckRequest): void {
  const [error] = errors;
  if (error === undefined) return;
  const answer = { errors, validation: validation ? reportJson(validation) : null };
  if (!validation) throw refused(printable(error.message), answer);
  printReport(validation, asked);
  throw refused(['Nothing was changed.', restOf(error.message, validation)].join(' ').trim(), answer);
}

/** What the error adds to the report that has just been printed. */
function restOf(message: string, { message: seen, hint }: Report): string {
  const told = [seen, hint].filter((part) => part !== null).join(' ');
  return printable(message.startsWith(told) ? message.slice(told.length).trim() : message);
}
