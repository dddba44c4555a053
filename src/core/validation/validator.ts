// The port Validator: target, credential, steps.

import type { RegistryType } from '../registry/registry.ts';
import type { ValidationReport, ValidationStep } from '../registry/report.ts';
import type { Secret } from '../shared/secret.ts';

/** What a validation looks at. */
export interface CheckTarget {
  readonly host: string;
  /** `anchore/*`, `a/b`, or null. */
  readonly repository: string | null;
  readonly type: RegistryType;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly probeRepository: string | null;
}

export interface Credential {
  readonly username: string;
  readonly password: Secret;
}

export interface CheckOptions {
  /** Called as each step ends. */
  readonly onStep?: ((step: ValidationStep) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks the registry itself whether a credential works. Never throws for what an upstream does: that is the report. */
export interface Validator {
  check(target: CheckTarget, credential: Credential, options?: CheckOptions): Promise<ValidationReport>;
}

/** Told of every finished validation, for metrics. */
export type ValidationObserver = (report: ValidationReport) => void;
