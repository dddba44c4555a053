// A check as a person reads it: each step with its mark and time, the verdict, what to do, and the flag that would help.

import type { ValidationStep, ValidationStepStatus } from '../../core/registry/report.ts';
import { flagThatHelps, type Asked } from './advice.ts';
import type { Report } from '../api/operations.ts';
import { colourNote, printable, printNote } from '../terminal/terminal.ts';

interface Mark {
  readonly sign: string;
  readonly colour: 'green' | 'yellow' | 'red' | 'dim';
}

const marks: Readonly<Record<ValidationStepStatus, Mark>> = {
  PASSED: { sign: '✓', colour: 'green' },
  WARNED: { sign: '!', colour: 'yellow' },
  FAILED: { sign: '✗', colour: 'red' },
  SKIPPED: { sign: '-', colour: 'dim' },
};
/** The longest kind is REPOSITORY; one space keeps the columns apart. */
const kindWidth = 11;

/** Writes one step. */
export function printStep({ kind, status, message, durationMs }: ValidationStep): void {
  const { sign, colour } = marks[status];
  printNote(`${colourNote(colour, sign)} ${printable(kind).padEnd(kindWidth)}${printable(message)} ${colourNote('dim', `(${durationMs} ms)`)}`);
}

/** Writes the verdict with what the person can do about it. */
export function printVerdict(report: Report, asked: Asked): void {
  const warned = report.valid && report.hint !== null;
  const { sign, colour } = marks[report.valid ? (warned ? 'WARNED' : 'PASSED') : 'FAILED'];
  // A failed step has said the same sentence on the line above.
  const sentence = report.steps.at(-1)?.message === report.message ? '' : ` ${printable(report.message)}`;
  printNote(`${colourNote(colour, `${sign} ${printable(report.outcome)}`)}${sentence} ${colourNote('dim', `(${report.durationMs} ms)`)}`);
  if (report.hint !== null) printNote(`  Hint: ${printable(report.hint)}`);
  if (report.retryAfter !== null) printNote(`  Not before: ${printable(report.retryAfter)}`);
  const flag = flagThatHelps(report, asked);
  if (flag !== null) printNote(`  Flag: ${colourNote('bold', flag)}`);
}

/** Writes a report that came all at once. */
export function printReport(report: Report, asked: Asked): void {
  report.steps.forEach(printStep);
  printVerdict(report, asked);
}
