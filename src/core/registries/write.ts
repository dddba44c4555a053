// Changing: create, update and delete. Authorise, parse, ask the registry, then one transaction; a failure on the way changes nothing.

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
import { createInput, updateInput, type UpdateInput } from '../registry/input.ts';
import { findOwned, type LookupPorts, noSuchRegistry } from '../registry/lookup.ts';
import { parseRegistryPattern } from '../registry/reference.ts';
import { type Registry, secretBinding } from '../registry/registry.ts';
import { skippedReport, ValidationFailed, type ValidationReport } from '../registry/report.ts';
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

export interface WritingPorts extends LookupPorts, PasswordPorts, CheckPorts, RotationWindow {
  /** A new registry id. */
  readonly newId: () => string;
}

/** The use cases that change a registry, each in one transaction or not at all. */
export interface Writing {
  /** @throws Problem `INVALID_REGISTRY`, `ALREADY_EXISTS`, `NOT_FOUND` (the account), `RATE_LIMITED`; `ValidationFailed`. */
  create(caller: Caller, input: unknown, settings: ValidationOptions): Promise<RegistryWithReport>;
  /** @throws Problem `NOT_FOUND`, `PASSWORD_REQUIRED`, `CONFLICT`, `SECRET_UNREADABLE`, `RATE_LIMITED`; `ValidationFailed`. */
  update(caller: Caller, id: string, input: unknown, settings: ValidationOptions): Promise<RegistryWithReport>;
  /** Gives the deleted registry. @throws Problem `NOT_FOUND`. */
  delete(caller: Caller, id: string): Promise<Registry>;
}

/** The changing half of the use cases. */
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
  const text = parseRegistryPattern(parsed.registry);
  const account = await actingAccount(ports, principal, parsed.account);
  const { username, password, type, trustedRealm = null } = parsed;
  const target = {
    ...text,
    type,
    secureConnection: settings.secureConnection,
    trustedRealm,
    probeRepository: parseProbe(text, parsed.probeRepository),
  };
  // Asked before the upstream is, so that a duplicate sends no password anywhere; the unique key settles a race.
  if ((await ports.registries.byText(account, text.registry)) !== undefined) throw alreadyExists(text.registry);
  const validation = await requireValid(ports, { ...caller, principal }, target, { username, password }, settings);
  const now = ports.now();
  const registry: Registry = {
    ...target,
    id: ports.newId(),
    account,
    name: parsed.name ?? text.registry,
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
    throw explainFailure(error, stored, settings);
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
  const keepsOld = changes.rotation === 'PENDING';
  const others = isNewPassword
    ? keepsOld
      ? { pending: null, previous: await openPassword(ports, caller, stored) }
      : noAlternates
    : await openAlternates(ports, stored);
  const kept = hasSameDestination(stored, wanted) ? others : noAlternates;
  const registry: Registry = {
    ...wanted,
    lastValidation: validation,
    version: stored.version + 1,
    secretVersion: stored.secretVersion + (isNewPassword ? 1 : 0),
    pendingSince: kept.pending === null ? null : stored.pendingSince,
    previousUsableUntil:
      kept.previous === null
        ? null
        : isNewPassword
          ? new Date(updatedAt.getTime() + ports.rotationWindowMs)
          : stored.previousUsableUntil,
    updatedAt,
  };
  const event = auditEvent(caller, 'registry.update', registry, updatedAt, validation.outcome);
  await storePasswords(ports, registry, { current: password, ...kept }, stored.version, event);
  return { registry, validation };
}

/** The new password waits; the current one stays what it is. */
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
  const refuse = (message: string): never => {
    throw new Problem('INVALID_INPUT', message, { field: ['rotation'] });
  };
  if (changes.password === undefined) refuse('rotation: PENDING is about a new password; give it in the same call.');
  if (!hasSameDestination(stored, wanted))
    refuse(
      'rotation: PENDING keeps user name, type, trusted realm and secureConnection as they are; change those in a call of their own.',
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

/** The stored registry with the changes laid over it: absent keeps, null clears what may be empty. */
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

/** A stored password never goes to a place, or over a channel, that its owner did not name together with it. */
function requirePassword(stored: Registry, wanted: Registry): void {
  const changed = [
    stored.secureConnection && !wanted.secureConnection && 'turning secureConnection off',
    stored.type !== wanted.type && 'changing the type',
    stored.username !== wanted.username && 'changing the username',
    stored.trustedRealm !== wanted.trustedRealm && 'changing trustedRealm',
  ].find((change) => change !== false);
  if (changed === undefined) return;
  throw new Problem(
    'PASSWORD_REQUIRED',
    `Give the password in the same call: ${changed} could send the stored one where its owner did not mean it to go.`,
    {
      field: ['password'],
    },
  );
}

/**
 * A failed check in the words of an update. Verification is on by default here too, so a caller who kept it off before is told how to
 * keep it off; and an update has no registry text to mend.
 */
function explainFailure(error: unknown, stored: Registry, settings: ValidationOptions): unknown {
  if (!(error instanceof ValidationFailed)) return error;
  const [field] = error.field ?? [];
  const turnedOn = field === 'secureConnection' && !stored.secureConnection && settings.secureConnection;
  const hint = turnedOn
    ? ' This registry was stored with secureConnection off, and an update turns it on unless told otherwise: pass secureConnection: false to keep it off.'
    : '';
  return new ValidationFailed(error.report, `${error.message}${hint}`, {
    field: field === 'registry' ? ['id'] : error.field,
  });
}

function alreadyExists(registry: string): Problem {
  return new Problem('ALREADY_EXISTS', `A registry for ${registry} exists in this account already: update that one.`, {
    field: ['registry'],
  });
}
