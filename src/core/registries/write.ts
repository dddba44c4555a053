// Creates, updates, and deletes registries: authorize, parse, validate upstream, then one transaction. A failure changes nothing.

import { auditEvent } from '../audit/event.ts';
import { actingAccount, authorize } from '../authz/permissions.ts';
import type { AuthorizedCaller, Caller } from '../authz/principal.ts';
import {
  hasSameDestination,
  noAlternates,
  openAlternates,
  openPassword,
  type PasswordPorts,
  storePasswords,
} from '../passwords/passwords.ts';
import { retryWithFreshKeys } from '../passwords/sealer.ts';
import type { Advice, AdviceKind } from '../registry/advice.ts';
import { createInput, updateInput, type UpdateInput } from '../registry/input.ts';
import { findOwned, type LookupPorts, noSuchRegistry } from '../registry/lookup.ts';
import { parseRegistryPattern } from '../registry/reference.ts';
import { type Registry, secretBinding } from '../registry/registry.ts';
import { adviceOf, skippedReport, ValidationFailed, type ValidationReport } from '../registry/report.ts';
import { parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import {
  type CheckPorts,
  type RegistryWithReport,
  type ValidationOptions,
  requireValid,
  parseProbe,
} from '../validation/validate.ts';
import type { RotationWindow } from '../passwords/expired-passwords.ts';

/** The ports of the use cases that change registries. */
export interface WritingPorts extends LookupPorts, PasswordPorts, CheckPorts, RotationWindow {
  /** Returns a new registry ID. */
  readonly newId: () => string;
  /** Whether a canonical `host[:port]` is this server itself. */
  readonly isOwnHost: (host: string) => boolean;
}

/** The use cases that change a registry, each in one transaction. */
export interface Writing {
  /** Creates a registry after validating its credential. @throws Problem `INVALID_REGISTRY`, `ALREADY_EXISTS`, `NOT_FOUND` (the account), `RATE_LIMITED`; `ValidationFailed`. */
  create(caller: Caller, input: unknown, settings: ValidationOptions): Promise<RegistryWithReport>;
  /** Updates a registry; omitted fields keep their values. @throws Problem `NOT_FOUND`, `PASSWORD_REQUIRED`, `CONFLICT`, `SECRET_UNREADABLE`, `RATE_LIMITED`; `ValidationFailed`. */
  update(caller: Caller, id: string, input: unknown, settings: ValidationOptions): Promise<RegistryWithReport>;
  /** Deletes a registry and its passwords, and returns it. @throws Problem `NOT_FOUND`. */
  delete(caller: Caller, id: string): Promise<Registry>;
}

/** Creates the use cases that change registries. */
export function createWriting(ports: WritingPorts): Writing {
  return {
    create: (caller, input, settings) => createRegistry(ports, caller, input, settings),
    update: (caller, id, input, settings) => updateRegistry(ports, caller, id, input, settings),
    delete: (caller, id) => deleteRegistry(ports, caller, id),
  };
}

async function createRegistry(
  ports: WritingPorts,
  caller: Caller,
  input: unknown,
  settings: ValidationOptions,
): Promise<RegistryWithReport> {
  const principal = authorize(caller, 'registry.create');
  const parsed = parseInput(createInput, input);
  const pattern = parseRegistryPattern(parsed.registry);
  if (ports.isOwnHost(pattern.host)) throw isOwn(pattern.host);
  const account = await actingAccount(ports, principal, parsed.account);
  const { username, password, type, trustedRealm = null } = parsed;
  const target = {
    ...pattern,
    type,
    secureConnection: settings.secureConnection,
    trustedRealm,
    probeRepository: parseProbe(pattern, parsed.probeRepository),
  };
  // Checked before the upstream is contacted, so that a duplicate sends no password anywhere. The unique key decides a race.
  if ((await ports.registries.byPattern(account, pattern.registry)) !== undefined)
    throw alreadyExists(pattern.registry);
  const validation = await requireValid(ports, { ...caller, principal }, target, { username, password }, settings);
  const now = ports.now();
  const registry: Registry = {
    ...target,
    id: ports.newId(),
    account,
    name: parsed.name ?? pattern.registry,
    username,
    lastValidation: validation,
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: now,
    updatedAt: now,
  };
  const event = auditEvent({ ...caller, principal }, 'registry.create', registry, now, validation.outcome);
  await retryWithFreshKeys(ports.sealer, () =>
    ports.registries.insert(registry, ports.sealer.seal(password, secretBinding(registry)), event),
  );
  return { registry, validation };
}

async function updateRegistry(
  ports: WritingPorts,
  caller: Caller,
  id: string,
  input: unknown,
  settings: ValidationOptions,
): Promise<RegistryWithReport> {
  const principal = authorize(caller, 'registry.update');
  const changes = parseInput(updateInput, input);
  const stored = await findOwned(ports, principal, id);
  if (stored === undefined) throw noSuchRegistry();
  const wanted = merge(stored, changes, settings);
  if (changes.password === undefined) requirePassword(stored, wanted);
  const update = { ports, caller: { ...caller, principal }, stored, wanted, changes };
  const isRotation = changes.rotation === 'PENDING';
  if (isRotation) requireRotatable(update);
  if (isRotation && !settings.validate) return storePending(update, skippedReport(ports.now().getTime()));
  const password = changes.password ?? (await openPassword(ports, update.caller, stored));
  try {
    return await storeUpdate(
      update,
      password,
      await requireValid(ports, update.caller, wanted, { username: wanted.username, password }, settings),
    );
  } catch (error) {
    const report = error instanceof ValidationFailed ? error.report : undefined;
    if (isRotation && report?.outcome === 'INVALID_CREDENTIALS') return storePending(update, report);
    throw toUpdateProblem(error, stored, settings);
  }
}

interface Update {
  readonly ports: WritingPorts;
  readonly caller: AuthorizedCaller;
  readonly stored: Registry;
  readonly wanted: Registry;
  readonly changes: UpdateInput;
}

async function storeUpdate(
  { ports, caller, stored, wanted, changes }: Update,
  password: Secret,
  validation: ValidationReport,
): Promise<RegistryWithReport> {
  const updatedAt = ports.now();
  const isNewPassword = changes.password !== undefined;
  const keepsReplaced = changes.rotation === 'PENDING';
  const alternates = isNewPassword
    ? keepsReplaced
      ? { pending: null, previous: await openPassword(ports, caller, stored) }
      : noAlternates
    : await openAlternates(ports, stored);
  const usable = hasSameDestination(stored, wanted) ? alternates : noAlternates;
  const registry: Registry = {
    ...wanted,
    lastValidation: validation,
    version: stored.version + 1,
    secretVersion: stored.secretVersion + (isNewPassword ? 1 : 0),
    pendingSince: usable.pending === null ? null : stored.pendingSince,
    previousUsableUntil:
      usable.previous === null
        ? null
        : isNewPassword
          ? new Date(updatedAt.getTime() + ports.rotationWindowMs)
          : stored.previousUsableUntil,
    updatedAt,
  };
  const event = auditEvent(caller, 'registry.update', registry, updatedAt, validation.outcome);
  await storePasswords(ports, registry, { current: password, ...usable }, stored.version, event);
  return { registry, validation };
}

/** Stores the new password as pending; the current one does not change. */
async function storePending(
  { ports, caller, stored, wanted, changes }: Update,
  validation: ValidationReport,
): Promise<RegistryWithReport> {
  const updatedAt = ports.now();
  const current = await openPassword(ports, caller, stored);
  const { previous } = await openAlternates(ports, stored);
  const registry: Registry = {
    ...wanted,
    version: stored.version + 1,
    secretVersion: stored.secretVersion + 1,
    pendingSince: updatedAt,
    previousUsableUntil: previous === null ? null : stored.previousUsableUntil,
    updatedAt,
  };
  const event = auditEvent(caller, 'registry.update', registry, updatedAt, 'PENDING');
  await storePasswords(
    ports,
    registry,
    { current, pending: changes.password ?? null, previous },
    stored.version,
    event,
  );
  return { registry, validation };
}

/** @throws Problem `INVALID_INPUT` */
function requireRotatable({ stored, wanted, changes }: Update): void {
  const reject = (message: string): never => {
    throw new Problem('INVALID_INPUT', message, { field: ['rotation'] });
  };
  if (changes.password === undefined) reject('A pending password must be passed in the same call.');
  if (!hasSameDestination(stored, wanted))
    reject(
      'A pending password cannot be combined with changes of the username, the type, the trusted token server, or TLS verification. Change those in a call of their own.',
    );
}

async function deleteRegistry(ports: WritingPorts, caller: Caller, id: string): Promise<Registry> {
  const principal = authorize(caller, 'registry.delete');
  const registry = await findOwned(ports, principal, id);
  const event = registry && auditEvent({ ...caller, principal }, 'registry.delete', registry, ports.now());
  if (registry === undefined || event === undefined || !(await ports.registries.delete(id, event)))
    throw noSuchRegistry();
  return registry;
}

/** Returns the stored registry with the changes applied: omitted fields keep their values, null clears them. */
function merge(stored: Registry, changes: UpdateInput, { secureConnection }: ValidationOptions): Registry {
  return {
    ...stored,
    secureConnection,
    username: changes.username ?? stored.username,
    type: changes.type ?? stored.type,
    name: changes.name === null ? stored.registry : (changes.name ?? stored.name),
    trustedRealm: changes.trustedRealm === undefined ? stored.trustedRealm : changes.trustedRealm,
    probeRepository:
      changes.probeRepository === undefined ? stored.probeRepository : parseProbe(stored, changes.probeRepository),
  };
}

/** Requires the password for a change that would send it to another destination, or over another channel, than its owner named with it. */
function requirePassword(stored: Registry, wanted: Registry): void {
  const changed = [
    stored.secureConnection && !wanted.secureConnection && 'turning TLS verification off',
    stored.type !== wanted.type && 'changing the type',
    stored.username !== wanted.username && 'changing the username',
    stored.trustedRealm !== wanted.trustedRealm && 'changing the trusted token server',
  ].find((change) => change !== false);
  if (changed === undefined) return;
  throw new Problem(
    'PASSWORD_REQUIRED',
    `Pass the password in the same call: ${changed} could send the stored password to an unintended destination.`,
    {
      field: ['password'],
    },
  );
}

/**
 * Adapts a failed validation to an update. TLS verification is on by default, so the advice is to keep it off if the registry was stored so.
 * An update has no registry pattern to change, so the field is the ID.
 */
function toUpdateProblem(error: unknown, stored: Registry, settings: ValidationOptions): unknown {
  if (!(error instanceof ValidationFailed)) return error;
  const [field] = error.field ?? [];
  const turnedOn = field === 'secureConnection' && !stored.secureConnection && settings.secureConnection;
  const { report } = error;
  const advice = adviceOf(report).map((one) => (turnedOn && turnsOff.has(one.kind) ? keepOff : one));
  return new ValidationFailed({ ...report, advice }, { field: field === 'registry' ? ['id'] : error.field });
}

const keepOff: Advice = { kind: 'KEEP_UNVERIFIED_TLS' };

/** The advice that turns TLS verification off. */
const turnsOff: ReadonlySet<AdviceKind> = new Set(['ALLOW_UNVERIFIED_TLS', 'ALLOW_PLAIN_HTTP']);

function alreadyExists(registry: string): Problem {
  return new Problem('ALREADY_EXISTS', `A registry for ${registry} already exists in this account. Update that one.`, {
    field: ['registry'],
  });
}

/** A pull from this server through this server would begin another, without end. */
function isOwn(host: string): Problem {
  return new Problem(
    'INVALID_REGISTRY',
    `${host} is this Regway server itself. Name the registry whose images it is to pull, such as docker.io.`,
    { reason: 'HOST_IS_REGWAY', field: ['registry'] },
  );
}
