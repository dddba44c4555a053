// Prints a validation report: each step with its sign and duration, the result, its hint, and the flag that would help.

import type { ValidationOutcome, ValidationStep, ValidationStepStatus } from '../../core/registry/report.ts';
import type { Report } from '../api/operations.ts';
import { colorNote, printable, printNote } from '../terminal/terminal.ts';

/** The part of a check request that decides which flags can still help. */
export interface CheckRequest {
  readonly secureConnection: boolean;
  /** Whether the command stores the credential, so that storing it without validation is an option. */
  readonly stores: boolean;
}

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
  // Naming the token server helps only if the hint says so, which it does not for an unknown host or one over plain HTTP.
  FORBIDDEN_REALM: ({ realmHost, hint }) =>
    realmHost !== null && hint?.includes('trustedRealm') === true ? `--trusted-realm=${printable(realmHost)}` : null,
  FORBIDDEN_ADDRESS: none,
  TOKEN_ENDPOINT_ERROR: unchecked,
  UPSTREAM_ERROR: unchecked,
  RESPONSE_TOO_LARGE: none,
  NATIVE_CREDENTIAL_ERROR: unchecked,
};

/** Prints one step to standard error. */
export function printStep({ kind, status, message, durationMs }: ValidationStep): void {
  const { sign, color } = marks[status];
  printNote(
    `${colorNote(color, sign)} ${printable(kind).padEnd(kindWidth)}${printable(message)} ${colorNote('dim', `(${durationMs} ms)`)}`,
  );
}

/** Prints the result, its hint, and the flag that would help. */
export function printOutcome(report: Report, asked: CheckRequest): void {
  const warned = report.valid && report.hint !== null;
  const { sign, color } = marks[report.valid ? (warned ? 'WARNED' : 'PASSED') : 'FAILED'];
  // A failed step has printed the same message on the line above.
  const sentence = report.steps.at(-1)?.message === report.message ? '' : ` ${printable(report.message)}`;
  printNote(
    `${colorNote(color, `${sign} ${printable(report.outcome)}`)}${sentence} ${colorNote('dim', `(${report.durationMs} ms)`)}`,
  );
  if (report.hint !== null) printNote(`  Hint: ${printable(report.hint)}`);
  if (report.retryAfter !== null) printNote(`  Retry after: ${printable(report.retryAfter)}`);
  const flag = flagThatHelps(report, asked);
  if (flag !== null) printNote(`  Flag: ${colorNote('bold', flag)}`);
}

/** Prints a whole report. */
export function printReport(report: Report, asked: CheckRequest): void {
  report.steps.forEach(printStep);
  printOutcome(report, asked);
}

/** Returns the exact flag to add, or null if no flag helps or the outcome is unknown (a newer server). */
export function flagThatHelps(report: Report, asked: CheckRequest): string | null {
  const advise: Advise | undefined = advice[report.outcome];
  return advise?.(report, asked) ?? null;
}
