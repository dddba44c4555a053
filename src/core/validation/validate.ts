// Validates credentials against the upstream registry: before storing, again later, or without storing.

import { auditEvent } from '../audit/event.ts';
import { actingAccount, authorize } from '../authz/permissions.ts';
import type { AuthorizedCaller, Caller } from '../authz/principal.ts';
import { openPassword, type PasswordPorts } from '../passwords/passwords.ts';
import { keepingTls } from '../registry/advice.ts';
import { createInput } from '../registry/input.ts';
import { changedConcurrently, findOwned, type LookupPorts, noSuchRegistry } from '../registry/lookup.ts';
import { parseRegistryPattern, parseRepository, type RegistryPattern } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import {
  adviceOf,
  isSuccess,
  skippedReport,
  ValidationFailed,
  type ValidationOutcome,
  type ValidationReport,
  type ValidationStep,
} from '../registry/report.ts';
import { parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import { consume, type RateLimit } from '../shared/rate-limit.ts';
import type { CheckOptions, CheckTarget, Credential, ValidationObserver, Validator } from './validator.ts';

/** The ports of a validation. */
export interface CheckPorts {
  readonly validator: Validator;
  /** Limits the validations of each subject, over all APIs together. */
  readonly validationRateLimit: RateLimit;
  /** Limits the validations of all subjects of an account together, so that an account with many tokens cannot use up what upstreams allow. */
  readonly accountValidationRateLimit: RateLimit;
  readonly observeValidation: ValidationObserver;
  readonly now: () => Date;
}

/** The ports of the use cases that validate. */
export interface ValidatingPorts extends LookupPorts, PasswordPorts, CheckPorts {}

/** The use cases that validate a credential and do not change it. */
export interface Validating {
  /**
   * Validates the stored credential and stores the report, whatever the outcome.
   * @throws Problem `NOT_FOUND`, `CONFLICT`, `SECRET_UNREADABLE`, `RATE_LIMITED`.
   */
  validate(caller: Caller, id: string, onStep?: (step: ValidationStep) => void): Promise<RegistryWithReport>;
  /** Validates a credential without storing it. Returns the report, whatever the outcome. @throws Problem `INVALID_REGISTRY`, `RATE_LIMITED`. */
  check(
    caller: Caller,
    input: unknown,
    settings: Pick<ValidationOptions, 'secureConnection'>,
    onStep?: (step: ValidationStep) => void,
  ): Promise<ValidationReport>;
}

/** How one call contacts the upstream registry. Both default to true in every API. */
export interface ValidationOptions {
  /** Whether to verify TLS certificates. */
  readonly secureConnection: boolean;
  /** Whether to validate the credential before storing it. */
  readonly validate: boolean;
}

/** A registry and the report of the call. */
export interface RegistryWithReport {
  readonly registry: Registry;
  readonly validation: ValidationReport;
}

/** Creates the use cases that validate. */
export function createValidating(ports: ValidatingPorts): Validating {
  return {
    check: (caller, input, settings, onStep) => checkWithoutStoring(ports, caller, input, settings, onStep),
    validate: (caller, id, onStep) => validateStored(ports, caller, id, onStep),
  };
}

async function checkWithoutStoring(
  ports: LookupPorts & CheckPorts,
  caller: Caller,
  input: unknown,
  { secureConnection }: Pick<ValidationOptions, 'secureConnection'>,
  onStep: CheckOptions['onStep'],
): Promise<ValidationReport> {
  const principal = authorize(caller, 'registry.check');
  const {
    username,
    password,
    type,
    trustedRealm = null,
    probeRepository,
    registry,
    account,
  } = parseInput(createInput, input);
  const pattern = parseRegistryPattern(registry);
  await actingAccount(ports, principal, account);
  const target = {
    ...pattern,
    type,
    secureConnection,
    trustedRealm,
    probeRepository: parseProbe(pattern, probeRepository),
  };
  return checkCredential(ports, { ...caller, principal }, target, { username, password }, { onStep });
}

async function validateStored(
  ports: ValidatingPorts,
  caller: Caller,
  id: string,
  onStep: CheckOptions['onStep'],
): Promise<RegistryWithReport> {
  const principal = authorize(caller, 'registry.validate');
  const registry = await findOwned(ports, principal, id);
  if (registry === undefined) throw noSuchRegistry();
  const password = await openPassword(ports, { ...caller, principal }, registry);
  const validation = await checkCredential(
    ports,
    { ...caller, principal },
    registry,
    { username: registry.username, password },
    { onStep, stored: registry },
  );
  const event = auditEvent({ ...caller, principal }, 'registry.validate', registry, ports.now(), validation.outcome);
  if (!(await ports.registries.recordValidation(id, registry.version, validation, event))) throw changedConcurrently();
  return { registry: { ...registry, lastValidation: validation }, validation };
}

/**
 * Returns the report that a change needs before it is stored; a report with the outcome `SKIPPED` if `validate` is false.
 * @throws ValidationFailed if the outcome is no success; Problem `RATE_LIMITED`.
 */
export async function requireValid(
  ports: CheckPorts,
  caller: AuthorizedCaller,
  target: CheckTarget,
  credential: Credential,
  { validate }: ValidationOptions,
): Promise<ValidationReport> {
  if (!validate) return skippedReport(ports.now().getTime());
  const report = await checkCredential(ports, caller, target, credential);
  if (isSuccess(report.outcome)) return report;
  throw new ValidationFailed(report, { field: fieldToChange(report) });
}

/** Validates on behalf of a caller. Every such validation passes here, so that all of them share the rate limits. */
async function checkCredential(
  ports: CheckPorts,
  { principal, signal }: AuthorizedCaller,
  target: CheckTarget,
  credential: Credential,
  options: Omit<CheckOptions, 'signal'> = {},
): Promise<ValidationReport> {
  await consume(
    ports.validationRateLimit,
    principal.subject,
    ports.now(),
    'Validation limit reached for this minute. Nothing was sent to the registry and nothing was changed.',
  );
  // After the limit of the subject, so that calls that it stops use up nothing of the account's.
  await consume(
    ports.accountValidationRateLimit,
    principal.account,
    ports.now(),
    `Validation limit of the account ${principal.account} reached for this minute. Nothing was sent to the registry and nothing was changed.`,
  );
  const report = await ports.validator.check(target, credential, { ...options, signal: signal?.() });
  ports.observeValidation(report, target.host);
  return { ...report, advice: keepingTls(adviceOf(report), target) };
}

/** Maps each outcome to the input to change. An upstream that is unavailable or busy maps to none. */
const fieldsToChange: Partial<Record<ValidationOutcome, string>> = {
  INVALID_CREDENTIALS: 'password',
  NATIVE_CREDENTIAL_ERROR: 'password',
  INSUFFICIENT_SCOPE: 'username',
  FORBIDDEN_REALM: 'trustedRealm',
  TLS_UNTRUSTED: 'secureConnection',
  TLS_HOSTNAME: 'secureConnection',
  TLS_EXPIRED: 'secureConnection',
  PLAIN_HTTP: 'secureConnection',
  DNS_FAILURE: 'registry',
  UNREACHABLE: 'registry',
  FORBIDDEN_ADDRESS: 'registry',
  NOT_A_V2_REGISTRY: 'registry',
  REDIRECTED: 'registry',
  UNSUPPORTED_CHALLENGE: 'registry',
};

function fieldToChange({ outcome, retryable }: ValidationReport): string[] | undefined {
  // A cloud that is busy or unavailable says nothing about the password.
  if (outcome === 'NATIVE_CREDENTIAL_ERROR' && retryable) return undefined;
  const field = fieldsToChange[outcome];
  return field === undefined ? undefined : [field];
}

/**
 * Parses the repository that a validation requests. Returns null if none is named.
 * @throws Problem `INVALID_INPUT` if the registry does not cover it.
 */
export function parseProbe(pattern: RegistryPattern, probe: string | null | undefined): string | null {
  if (probe === null || probe === undefined) return null;
  const repository = parseRepository(pattern.host, probe, 'probeRepository');
  const covered =
    pattern.repository === null ||
    pattern.repository === repository ||
    (pattern.repository.endsWith('/*') && repository.startsWith(pattern.repository.slice(0, -1)));
  if (covered) return repository;
  throw new Problem('INVALID_INPUT', `The repository to request must be one that ${pattern.registry} covers.`, {
    field: ['probeRepository'],
  });
}
