// Checking credentials against the registry itself: before storing, again later, or without storing at all.

import { auditEvent } from '../audit/event.ts';
import { authorise, type Caller, type Principal } from '../authz/permissions.ts';
import { spend } from '../shared/rate-limit.ts';
import { createInput, parseInput } from '../input.ts';
import type { CheckOptions, CheckTarget, Credential, Ports } from '../ports.ts';
import { Problem } from '../shared/problem.ts';
import { actingAccount, findOwned } from '../registries/read.ts';
import { parseRegistryText, parseRepository, type RegistryText } from '../registry/reference.ts';
import type { ChangeResult, CheckSettings, Registries } from '../registries/registries.ts';
import { secretBinding, type Registry } from '../registry/registry.ts';
import { withFreshKeys } from '../passwords/sealer.ts';
import type { Secret } from '../shared/secret.ts';
import { isSuccess, skippedReport, type ValidationOutcome, type ValidationReport } from '../registry/report.ts';

/** A caller whose login and role are known to suffice. */
export type AuthorisedCaller = Caller & { readonly principal: Principal };

/** The checking half of the use cases. */
export function createChecking(ports: Ports): Pick<Registries, 'check' | 'validate'> {
  return {
    check: (caller, input, settings, onStep) => checkWithoutStoring(ports, caller, input, settings, onStep),
    validate: (caller, id, onStep) => validateStored(ports, caller, id, onStep),
  };
}

async function checkWithoutStoring(
  ports: Ports,
  caller: Caller,
  input: unknown,
  { secureConnection }: Pick<CheckSettings, 'secureConnection'>,
  onStep: CheckOptions['onStep'],
): Promise<ValidationReport> {
  const principal = authorise(caller, 'registry.check');
  const { username, password, type, trustedRealm = null, probeRepository, registry, account } = parseInput(createInput, input);
  const text = parseRegistryText(registry);
  await actingAccount(ports, principal, account);
  const target = { ...text, type, secureConnection, trustedRealm, probeRepository: parseProbe(text, probeRepository) };
  return askRegistry(ports, { ...caller, principal }, target, { username, password }, onStep);
}

async function validateStored(ports: Ports, caller: Caller, id: string, onStep: CheckOptions['onStep']): Promise<ChangeResult> {
  const principal = authorise(caller, 'registry.validate');
  const registry = await findOwned(ports, principal, id);
  if (registry === undefined) throw noSuchRegistry();
  const password = await openPassword(ports, { ...caller, principal }, registry);
  const validation = await askRegistry(ports, { ...caller, principal }, registry, { username: registry.username, password }, onStep);
  const event = auditEvent({ ...caller, principal }, 'registry.validate', registry, ports.now(), validation.outcome);
  if (!(await ports.registries.recordValidation(id, registry.version, validation, event))) throw changedMeanwhile();
  return { registry: { ...registry, lastValidation: validation }, validation };
}

/**
 * The verdict that a change needs before it may be stored.
 * @throws Problem `VALIDATION_FAILED` with the report, when it was asked for and is not a success; `RATE_LIMITED`.
 */
export async function judge(
  ports: Ports,
  caller: AuthorisedCaller,
  target: CheckTarget,
  credential: Credential,
  { validate }: CheckSettings,
): Promise<ValidationReport> {
  if (!validate) return skippedReport(ports.now().getTime());
  const report = await askRegistry(ports, caller, target, credential);
  if (isSuccess(report.outcome)) return report;
  throw new Problem('VALIDATION_FAILED', [report.message, report.hint].filter((part) => part !== null).join(' '), {
    reason: report.outcome,
    field: faultyField(report),
    validation: report,
  });
}

/** The one way to an upstream for a caller's sake, so that everything that asks for a validation draws on one budget. */
async function askRegistry(
  ports: Ports,
  { principal, signal }: AuthorisedCaller,
  target: CheckTarget,
  credential: Credential,
  onStep?: CheckOptions['onStep'],
): Promise<ValidationReport> {
  await spend(ports.validationBudget, principal.subject, ports.now(), 'This login has used up its validations of the minute: nothing was sent to the registry and nothing was changed.');
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
 * Opens the stored password of a registry.
 * @throws Problem `SECRET_UNREADABLE`, and an audit event, when row, password and key do not belong together; `CONFLICT` when the row changed while we read.
 */
export async function openPassword(ports: Pick<Ports, 'registries' | 'sealer' | 'now'>, caller: AuthorisedCaller, registry: Registry): Promise<Secret> {
  try {
    // Read again with fresh keys: a rotation seals every password anew.
    return await withFreshKeys(ports.sealer, async () => {
      const sealed = await ports.registries.sealed(registry.id);
      if (sealed === undefined) throw noSuchRegistry();
      return ports.sealer.open(sealed, secretBinding(registry));
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'SECRET_UNREADABLE') throw error;
    const current = await ports.registries.byId(registry.id);
    if (current?.version !== registry.version) throw changedMeanwhile();
    await ports.registries.appendAudit(auditEvent(caller, 'registry.secret_unreadable', registry, ports.now(), 'SECRET_UNREADABLE'));
    throw error;
  }
}

/**
 * The repository that a validation asks for, which must be one that the registry covers.
 * @throws Problem `INVALID_INPUT`.
 */
export function parseProbe(text: RegistryText, probe: string | null | undefined): string | null {
  if (probe === null || probe === undefined) return null;
  const repository = parseRepository(text.host, probe, 'probeRepository');
  const covered = text.repository === null || text.repository === repository || (text.repository.endsWith('/*') && repository.startsWith(text.repository.slice(0, -1)));
  if (covered) return repository;
  throw new Problem('INVALID_INPUT', `probeRepository must be a repository that ${text.registry} covers.`, { field: ['probeRepository'] });
}

/** One answer for "not there" and "not yours". */
export function noSuchRegistry(): Problem {
  return new Problem('NOT_FOUND', 'There is no registry with this id.', { field: ['id'] });
}

function changedMeanwhile(): Problem {
  return new Problem('CONFLICT', 'The registry was changed by somebody else meanwhile. Read it again and repeat the call.');
}
