// Plans the import of each entry of a file (add, change, keep, or reject) and carries it out.

import { setTimeout } from 'node:timers/promises';
import type { Secret } from '../../core/shared/secret.ts';
import type { Client } from '../api/client.ts';
import {
  checkOperation,
  type CreateInput,
  createOperation,
  type Payload,
  type Registry,
  type Report,
  updateOperation,
} from '../api/operations.ts';
import { findRegistry } from '../registry/lookup.ts';
import { type CheckRequest, commandFor, keepingFlags } from '../registry/advice.ts';
import { printNote } from '../terminal/terminal.ts';
import type { FoundLogin, ImportEntry } from './entry.ts';

export interface ImportSettings {
  readonly account: string | undefined;
  /** Applies to entries for which neither the file nor the server has a value. */
  readonly secureConnection: boolean;
  readonly validate: boolean;
  readonly apply: boolean;
}

export type ImportAction = 'add' | 'change' | 'keep' | 'refuse';

/** Bounds of the wait for the server's rate limit, in milliseconds, because the clocks of both machines may differ. */
const minWaitMs = 1_000;
const maxWaitMs = 60_000;

/** The result of importing one entry, or of planning it. */
export interface ImportResult {
  readonly key: string;
  readonly registry: string | null;
  readonly username: string | null;
  readonly action: ImportAction;
  /** The changes, or why the entry is kept or rejected; null if it is added, unless its password is something else. */
  readonly reason: string | null;
  readonly report: Report | null;
  readonly stored: boolean;
  readonly asked: CheckRequest;
}

/** Validates the credential of one entry, and stores it if the settings say so. */
export async function importEntry(client: Client, entry: ImportEntry, settings: ImportSettings): Promise<ImportResult> {
  const asked = { stores: true };
  if ('refusal' in entry)
    return {
      key: entry.key,
      registry: null,
      username: null,
      action: 'refuse',
      reason: entry.refusal,
      report: null,
      stored: false,
      asked,
    };
  const existing = await findRegistry(client, entry.registry, settings.account);
  const { key, registry, username, password } = entry;
  const facts = { key, registry, username, report: null, stored: false, asked };
  const secureConnection = entry.secureConnection ?? existing?.secureConnection ?? settings.secureConnection;
  const command = commandFor(existing === undefined ? 'add' : 'update', registry, {
    '--username': username,
    ...keepingFlags(settings.account, secureConnection),
    '--type': entry.type?.toLowerCase(),
    '--name': entry.name,
    '--trusted-realm': entry.trustedRealm,
    '--probe-repository': entry.probeRepository,
  });
  if (password === undefined) return { ...facts, ...withoutPassword(existing, command) };
  // The flag applies only to entries without a known value.
  const flagCounts = entry.secureConnection === undefined && existing === undefined;
  const payload = await whenAllowed(() =>
    send(client, { ...entry, password }, existing, { ...settings, secureConnection }),
  );
  const plan =
    existing === undefined
      ? ({ action: 'add', reason: entry.isIdentityToken ? 'it is an identity token, not a password' : null } as const)
      : ({ action: 'change', reason: changes(entry, existing) } as const);
  return {
    ...facts,
    ...plan,
    ...outcome(payload),
    asked: {
      stores: true,
      elsewhere: { command, except: [...(flagCounts ? ['--secure-connection=false'] : []), '--validate=false'] },
    },
  };
}

function withoutPassword(existing: Registry | undefined, command: string): { action: ImportAction; reason: string } {
  return existing === undefined
    ? { action: 'refuse', reason: `it has no password. Add it with: ${command}` }
    : { action: 'keep', reason: 'it already exists, and the file contains no password to change it with' };
}

async function send(
  client: Client,
  entry: FoundLogin & { readonly password: Secret },
  existing: Registry | undefined,
  settings: ImportSettings,
): Promise<Payload> {
  const { secureConnection, validate, apply, account } = settings;
  if (!apply && !validate) return { errors: [] };
  if (!apply)
    return (await client.run(checkOperation, { input: checkInput(entry, existing, account), secureConnection }))
      .checkRegistry;
  const { username, password, type, name, registry, trustedRealm, probeRepository } = entry;
  const input = { username, password, type, name, trustedRealm, probeRepository };
  if (existing === undefined) {
    return (await client.run(createOperation, { input: { registry, ...input, account }, secureConnection, validate }))
      .createRegistry;
  }
  return (await client.run(updateOperation, { id: existing.id, input, secureConnection, validate })).updateRegistry;
}

/** Retries after the server's validation limit, so that a file may contain more credentials than the server validates per minute. */
async function whenAllowed(attempt: () => Promise<Payload>): Promise<Payload> {
  for (;;) {
    const payload = await attempt();
    const limited = payload.errors.find(({ code }) => code === 'RATE_LIMITED');
    if (limited === undefined || limited.retryAfter === null) return payload;
    const waitMs = Math.min(Math.max(Date.parse(limited.retryAfter) - Date.now(), minWaitMs), maxWaitMs);
    printNote(`Validation limit reached for this minute. Continuing in ${Math.ceil(waitMs / 1000)} s.`);
    await setTimeout(waitMs);
  }
}

/** Builds the input of a check. Values of the existing registry apply, as they will in the update. */
function checkInput(
  { registry, username, password, type, trustedRealm, probeRepository }: FoundLogin & { readonly password: Secret },
  existing: Registry | undefined,
  account: string | undefined,
): CreateInput {
  return {
    registry,
    username,
    password,
    type: type ?? existing?.type,
    trustedRealm: trustedRealm ?? existing?.trustedRealm ?? undefined,
    probeRepository: probeRepository ?? existing?.probeRepository ?? undefined,
    account,
  };
}

function outcome({ errors, validation, registry }: Payload): Partial<ImportResult> {
  const [error] = errors;
  const report = validation ?? null;
  const passed = error === undefined && report?.valid !== false;
  if (passed) return { report, stored: Boolean(registry) };
  return {
    action: 'refuse',
    reason: report === null ? (error?.message ?? null) : 'the credential did not pass validation',
    report,
  };
}

/** Lists the changes of an entry. The password always counts as changed, because a stored one cannot be compared. */
function changes(entry: FoundLogin, existing: Registry): string {
  const changed = [
    entry.username !== existing.username && `username ${existing.username} to ${entry.username}`,
    entry.type !== undefined &&
      entry.type !== existing.type &&
      `type ${existing.type.toLowerCase()} to ${entry.type.toLowerCase()}`,
    entry.name !== undefined && entry.name !== existing.name && `name ${existing.name} to ${entry.name}`,
    entry.secureConnection !== undefined &&
      entry.secureConnection !== existing.secureConnection &&
      `certificate ${entry.secureConnection ? 'verified' : 'not verified'}`,
    entry.trustedRealm !== undefined &&
      entry.trustedRealm !== existing.trustedRealm &&
      `trusted realm ${existing.trustedRealm ?? 'none'} to ${entry.trustedRealm}`,
    entry.probeRepository !== undefined &&
      entry.probeRepository !== existing.probeRepository &&
      `probe repository ${existing.probeRepository ?? 'none'} to ${entry.probeRepository}`,
    entry.isIdentityToken ? 'identity token' : 'password',
  ];
  return changed.filter((change) => change !== false).join(', ');
}
