// Decides for each entry of a file whether it would be added, change a registry that is there, or is refused, and carries it out.

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
import type { CheckRequest } from '../registry/report.ts';
import { printNote } from '../terminal/terminal.ts';
import type { FoundLogin, ImportEntry } from './entry.ts';

export interface ImportSettings {
  readonly account: string | undefined;
  /** For entries about which neither the file nor the server says anything. */
  readonly secureConnection: boolean;
  readonly validate: boolean;
  readonly apply: boolean;
}

export type ImportAction = 'add' | 'change' | 'keep' | 'refuse';

const minWaitMs = 1_000;
const maxWaitMs = 60_000;

/** What became of one entry, or would. */
export interface ImportResult {
  readonly key: string;
  readonly registry: string | null;
  readonly username: string | null;
  readonly action: ImportAction;
  /** What changes, or why it is kept or refused. */
  readonly reason: string | null;
  readonly report: Report | null;
  readonly stored: boolean;
  readonly asked: CheckRequest;
}

/** Looks at one entry, checks its login with the registry, and stores it if the settings say so. */
export async function importEntry(client: Client, entry: ImportEntry, settings: ImportSettings): Promise<ImportResult> {
  const asked = { secureConnection: settings.secureConnection, stores: true };
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
  if (password === undefined) return { ...facts, ...withoutPassword(entry, existing) };
  const secureConnection = entry.secureConnection ?? existing?.secureConnection ?? settings.secureConnection;
  // The flag is for entries about which nothing is known.
  const flagCounts = entry.secureConnection === undefined && existing === undefined;
  const payload = await whenAllowed(() =>
    send(client, { ...entry, password }, existing, { ...settings, secureConnection }),
  );
  const plan =
    existing === undefined
      ? ({ action: 'add', reason: null } as const)
      : ({ action: 'change', reason: changes(entry, existing) } as const);
  return {
    ...facts,
    ...plan,
    ...outcome(payload),
    asked: { stores: true, secureConnection: secureConnection && flagCounts },
  };
}

function withoutPassword(
  { registry, username }: FoundLogin,
  existing: Registry | undefined,
): { action: ImportAction; reason: string } {
  if (existing !== undefined)
    return { action: 'keep', reason: 'it is there already, and the file has no password to change it with' };
  return {
    action: 'refuse',
    reason: `it needs a password: regway registry add '${registry}' --username='${username}'`,
  };
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

/** A server takes some validations a minute; a file with more logins than that takes as many minutes as it needs. */
async function whenAllowed(attempt: () => Promise<Payload>): Promise<Payload> {
  for (;;) {
    const payload = await attempt();
    const limited = payload.errors.find(({ code }) => code === 'RATE_LIMITED');
    if (limited === undefined || limited.retryAfter === null) return payload;
    // The clocks of two machines differ; the server counts by the minute.
    const waitMs = Math.min(Math.max(Date.parse(limited.retryAfter) - Date.now(), minWaitMs), maxWaitMs);
    printNote(`The server checks no more logins this minute; going on in ${Math.ceil(waitMs / 1000)} s.`);
    await setTimeout(waitMs);
  }
}

/** What a registry that is there has of its own counts in the check, as it will in the update. */
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
    reason: report === null ? (error?.message ?? null) : 'the registry does not take it',
    report,
  };
}

/** A stored password cannot be compared, so it always counts as changed. */
function changes(entry: FoundLogin, existing: Registry): string {
  const changed = [
    entry.username !== existing.username && `user name ${existing.username} to ${entry.username}`,
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
    'password',
  ];
  return changed.filter((change) => change !== false).join(', ');
}
