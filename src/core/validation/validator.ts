// Declares the port that validates a credential against its upstream registry.

import type { Registry, RegistryType } from '../registry/registry.ts';
import type { ValidationReport, ValidationStep } from '../registry/report.ts';
import type { Secret } from '../shared/secret.ts';

/** The destination of a validation. */
export interface CheckTarget {
  readonly host: string;
  /** `anchore/*`, `a/b`, or null for the whole host. */
  readonly repository: string | null;
  readonly type: RegistryType;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly probeRepository: string | null;
}

/** A username and its password or token. */
export interface Credential {
  readonly username: string;
  readonly password: Secret;
}

/** The options of one validation. */
export interface CheckOptions {
  /** Called when a step finishes. */
  readonly onStep?: ((step: ValidationStep) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The stored registry whose current credential is validated, so that its pulls use what the validation learned. Absent for any other. */
  readonly stored?: Pick<Registry, 'id' | 'version'> | undefined;
}

/** Validates credentials against the upstream registry. Never throws because of the upstream: its failures are in the report. */
export interface Validator {
  check(target: CheckTarget, credential: Credential, options?: CheckOptions): Promise<ValidationReport>;
}

/** Called with the report of every finished validation, for metrics. */
export type ValidationObserver = (report: ValidationReport, host: string) => void;
