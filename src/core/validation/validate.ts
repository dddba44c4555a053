// Checking credentials against the registry itself: before storing, again later, or without storing at all.

import { auditEvent } from '../audit/event.ts';
import { actingAccount, authorize } from '../authz/permissions.ts';
import type { AuthorizedCaller, Caller } from '../authz/principal.ts';
import { openPassword, type PasswordPorts } from '../passwords/passwords.ts';
import { createInput } from '../registry/input.ts';
import { changedMeanwhile, findOwned, type LookupPorts, noSuchRegistry } from '../registry/lookup.ts';
import { parseRegistryPattern, parseRepository, type RegistryPattern } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import {
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

/** What a validation stands on. */
export interface CheckPorts {
  readonly validator: Validator;
  /** Validations that each subject may ask for, whatever the face. */
  readonly validationRateLimit: RateLimit;
  readonly observeValidation: ValidationObserver;
  readonly now: () => Date;
}

export interface ValidatingPorts extends LookupPorts, PasswordPorts, CheckPorts {}

/** The use cases that ask a registry and change nothing of the credential. */
export interface Validating {
  /** Checks the stored credential again and records the outcome, good or bad. @throws Problem `NOT_FOUND`, `CONFLICT`, `SECRET_UNREADABLE`, `RATE_LIMITED`. */
  validate(caller: Caller, id: string, onStep?: (step: ValidationStep) => void): Promise<RegistryWithReport>;
  /** Checks without storing; a bad outcome is the answer, not an error. @throws Problem `RATE_LIMITED`. */
  check(
    caller: Caller,
    input: unknown,
    settings: Pick<ValidationOptions, 'secureConnection'>,
    onStep?: (step: ValidationStep) => void,
  ): Promise<ValidationReport>;
}

/** How one call treats the upstream. Both are on unless the caller says otherwise. */
export interface ValidationOptions {
  /** Verify TLS certificates. */
  readonly secureConnection: boolean;
  /** Ask the registry whether the credential works before storing it. */
  readonly validate: boolean;
}

export interface RegistryWithReport {
  readonly registry: Registry;
  readonly validation: ValidationReport;
}

/** The checking half of the use cases. */
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
  const text = parseRegistryPattern(registry);
  await actingAccount(ports, principal, account);
  const target = { ...text, type, secureConnection, trustedRealm, probeRepository: parseProbe(text, probeRepository) };
  return askRegistry(ports, { ...caller, principal }, target, { username, password }, onStep);
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
  const validation = await askRegistry(
    ports,
    { ...caller, principal },
    registry,
    { username: registry.username, password },
    onStep,
  );
  const event = auditEvent({ ...caller, principal }, 'registry.validate', registry, ports.now(), validation.outcome);
  if (!(await ports.registries.recordValidation(id, registry.version, validation, event))) throw changedMeanwhile();
  return { registry: { ...registry, lastValidation: validation }, validation };
}

/**
 * The verdict that a change needs before it may be stored.
 * @throws Problem `VALIDATION_FAILED` with the report, when it was asked for and is not a success; `RATE_LIMITED`.
 */
export async function requireValid(
  ports: CheckPorts,
  caller: AuthorizedCaller,
  target: CheckTarget,
  credential: Credential,
  { validate }: ValidationOptions,
): Promise<ValidationReport> {
  if (!validate) return skippedReport(ports.now().getTime());
  const report = await askRegistry(ports, caller, target, credential);
  if (isSuccess(report.outcome)) return report;
  const message = [report.message, report.hint].filter((part) => part !== null).join(' ');
  throw new ValidationFailed(report, message, { field: faultyField(report) });
}

/** The one way to an upstream for a caller's sake, so that everything that asks for a validation draws on one budget. */
async function askRegistry(
  ports: CheckPorts,
  { principal, signal }: AuthorizedCaller,
  target: CheckTarget,
  credential: Credential,
  onStep?: CheckOptions['onStep'],
): Promise<ValidationReport> {
  await consume(
    ports.validationRateLimit,
    principal.subject,
    ports.now(),
    'This login has used up its validations of the minute: nothing was sent to the registry and nothing was changed.',
  );
  const report = await ports.validator.check(target, credential, { onStep, signal: signal?.() });
  ports.observeValidation(report);
  return report;
}

/** The input that a person would change. Upstreams that are merely down or busy name none. */
const faultyFields: Partial<Record<ValidationOutcome, string>> = {
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

function faultyField({ outcome }: ValidationReport): string[] | undefined {
  const field = faultyFields[outcome];
  return field === undefined ? undefined : [field];
}

/**
 * The repository that a validation asks for, which must be one that the registry covers.
 * @throws Problem `INVALID_INPUT`.
 */
export function parseProbe(text: RegistryPattern, probe: string | null | undefined): string | null {
  if (probe === null || probe === undefined) return null;
  const repository = parseRepository(text.host, probe, 'probeRepository');
  const covered =
    text.repository === null ||
    text.repository === repository ||
    (text.repository.endsWith('/*') && repository.startsWith(text.repository.slice(0, -1)));
  if (covered) return repository;
  throw new Problem('INVALID_INPUT', `probeRepository must be a repository that ${text.registry} covers.`, {
    field: ['probeRepository'],
  });
}
