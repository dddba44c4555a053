// Prints a validation report: each step with its sign and duration, the result, its hint, and the flag that would help.

import type { ValidationStep, ValidationStepStatus } from '../../core/registry/report.ts';
import type { Report } from '../api/operations.ts';
import { colorNote, printable, printNote } from '../terminal/terminal.ts';
import { type CheckRequest, fixLine, hintOf } from './advice.ts';

interface Mark {
  readonly sign: string;
  readonly color: 'green' | 'yellow' | 'red' | 'dim';
}

const marks: Readonly<Record<ValidationStepStatus, Mark>> = {
  PASSED: { sign: '✓', color: 'green' },
  WARNED: { sign: '!', color: 'yellow' },
  FAILED: { sign: '✗', color: 'red' },
  SKIPPED: { sign: '-', color: 'dim' },
};

/** The longest kind is REPOSITORY; one space keeps the columns apart. */
const kindWidth = 11;

/** Prints one step to standard error. */
export function printStep({ kind, status, message, durationMs }: ValidationStep): void {
  const { sign, color } = marks[status];
  printNote(
    `${colorNote(color, sign)} ${printable(kind).padEnd(kindWidth)}${printable(message)} ${colorNote('dim', `(${durationMs} ms)`)}`,
  );
}

/** Prints the result, its hint, and the flag that would help. */
export function printOutcome(report: Report, asked: CheckRequest): void {
  const hint = hintOf(report);
  const warned = report.valid && hint !== null;
  const { sign, color } = marks[report.valid ? (warned ? 'WARNED' : 'PASSED') : 'FAILED'];
  // A failed step has printed the same message on the line above.
  const sentence = report.steps.at(-1)?.message === report.message ? '' : ` ${printable(report.message)}`;
  printNote(
    `${colorNote(color, `${sign} ${printable(report.outcome)}`)}${sentence} ${colorNote('dim', `(${report.durationMs} ms)`)}`,
  );
  if (hint !== null) printNote(`  Hint: ${printable(hint)}`);
  if (report.retryAfter !== null) printNote(`  Retry after: ${printable(report.retryAfter)}`);
  const fix = fixLine(report, asked);
  if (fix !== null) printNote(`  ${colorNote('bold', fix)}`);
}

/** Prints a whole report. */
export function printReport(report: Report, asked: CheckRequest): void {
  report.steps.forEach(printStep);
  printOutcome(report, asked);
}
