// One table: the flag that would help after a check, for every outcome.

import type { ValidationOutcome } from '../../core/registry/report.ts';
import { printable } from '../terminal/terminal.ts';
import type { Report } from '../api/operations.ts';

/** What was asked for, as far as it decides whether a flag is left to try. */
export interface Asked {
  readonly secureConnection: boolean;
  /** Whether the command stores, so that storing unchecked is a way out. */
  readonly stores: boolean;
}

type Advise = (report: Report, asked: Asked) => string | null;

const none: Advise = () => null;
const withoutVerification: Advise = (_report, { secureConnection }) => (secureConnection ? '--secure-connection=false' : null);
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
  FORBIDDEN_REALM: ({ realmHost, hint }) => (realmHost !== null && hint?.includes('trustedRealm') === true ? `--trusted-realm=${printable(realmHost)}` : null),
  FORBIDDEN_ADDRESS: none,
  TOKEN_ENDPOINT_ERROR: unchecked,
  UPSTREAM_ERROR: unchecked,
  RESPONSE_TOO_LARGE: none,
  NATIVE_CREDENTIAL_ERROR: unchecked,
};

/** The exact flag to add, or null when no flag helps. An outcome of a newer server has none. */
export function flagThatHelps(report: Report, asked: Asked): string | null {
  const advise: Advise | undefined = advice[report.outcome];
  return advise?.(report, asked) ?? null;
}
