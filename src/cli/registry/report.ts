// A check as a person reads it: each step with its mark and time, the verdict, what to do, and the flag that would help.

import type { ValidationOutcome, ValidationStep, ValidationStepStatus } from '../../core/registry/report.ts';
import type { Report } from '../api/operations.ts';
import { colorNote, printable, printNote } from '../terminal/terminal.ts';

/** What was asked for, as far as it decides whether a flag is left to try. */
export interface CheckRequest {
  readonly secureConnection: boolean;
  /** Whether the command stores, so that storing unchecked is a way out. */
  readonly stores: boolean;
}

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

type Advise = (report: Report, asked: CheckRequest) => string | null;

const none: Advise = () => null;
const withoutVerification: Advise = (_report, { secureConnection }) =>
  secureConnection ? '--secure-connection=false' : null;
const unchecked: Advise = (_report, { stores }) => (stores ? '--validate=false' : null);
const privateRepository: Advise = () => '--probe-repository=<a private repository>';

const advice: Readonly<Record<ValidationOutcome, Advise>> = {
  VALID: none,
  VALID_UNPROVEN: privateRepository,
  NO_AUTH_REQUIRED: privateRepository,
  SKIPPED: none,
  INVALID_CREDENTIALS: none,
  INSUFFICIENT_SCOPE: none,
  UPSTREAM_FORBIDDEN: unchecked,
  RATE_LIMITED: unchecked,
  LOCKED_OUT: none,
  DNS_FAILURE: unchecked,
  UNREACHABLE: unchecked,
  TIMEOUT: unchecked,
  TLS_UNTRUSTED: withoutVerification,
  TLS_HOSTNAME: withoutVerification,
  TLS_EXPIRED: withoutVerification,
  TLS_PROTOCOL: none,
  PLAIN_HTTP: withoutVerification,
  CONNECTION_CLOSED: unchecked,
  NOT_A_V2_REGISTRY: none,
  REDIRECTED: none,
  UNSUPPORTED_CHALLENGE: unchecked,
  // Without a host, or with one that plain HTTP rules out, naming it does not help; the hint of the report says what does.
  FORBIDDEN_REALM: ({ realmHost, hint }) =>
    realmHost !== null && hint?.includes('trustedRealm') === true ? `--trusted-realm=${printable(realmHost)}` : null,
  FORBIDDEN_ADDRESS: none,
  TOKEN_ENDPOINT_ERROR: unchecked,
  UPSTREAM_ERROR: unchecked,
  RESPONSE_TOO_LARGE: none,
  NATIVE_CREDENTIAL_ERROR: unchecked,
};

/** Writes one step. */
export function printStep({ kind, status, message, durationMs }: ValidationStep): void {
  const { sign, colour } = marks[status];
  printNote(
    `${colorNote(colour, sign)} ${printable(kind).padEnd(kindWidth)}${printable(message)} ${colorNote('dim', `(${durationMs} ms)`)}`,
  );
}

/** Writes the verdict with what the person can do about it. */
export function printVerdict(report: Report, asked: CheckRequest): void {
  const warned = report.valid && report.hint !== null;
  const { sign, colour } = marks[report.valid ? (warned ? 'WARNED' : 'PASSED') : 'FAILED'];
  // A failed step has said the same sentence on the line above.
  const sentence = report.steps.at(-1)?.message === report.message ? '' : ` ${printable(report.message)}`;
  printNote(
    `${colorNote(colour, `${sign} ${printable(report.outcome)}`)}${sentence} ${colorNote('dim', `(${report.durationMs} ms)`)}`,
  );
  if (report.hint !== null) printNote(`  Hint: ${printable(report.hint)}`);
  if (report.retryAfter !== null) printNote(`  Not before: ${printable(report.retryAfter)}`);
  const flag = flagThatHelps(report, asked);
  if (flag !== null) printNote(`  Flag: ${colorNote('bold', flag)}`);
}

/** Writes a report that came all at once. */
export function printReport(report: Report, asked: CheckRequest): void {
  report.steps.forEach(printStep);
  printVerdict(report, asked);
}

/** The exact flag to add, or null when no flag helps. An outcome of a newer server has none. */
export function flagThatHelps(report: Report, asked: CheckRequest): string | null {
  const advise: Advise | undefined = advice[report.outcome];
  return advise?.(report, asked) ?? null;
}
