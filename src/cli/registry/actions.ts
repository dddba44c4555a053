// Runs the registry commands, once their options are parsed.

import type { Secret } from '../../core/shared/secret.ts';
import type { Client } from '../api/client.ts';
import {
  type CreateInput,
  createOperation,
  deleteOperation,
  type Filter,
  listOperation,
  type Page,
  type Payload,
  type Registry,
  type Report,
  type UpdateInput,
  updateOperation,
  validateOperation,
} from '../api/operations.ts';
import { type CommandFailure, refused, usageError } from '../errors.ts';
import type { AccountOption, Output, OutputOption, RegistryOptions } from '../options.ts';
import { passwordWays } from '../terminal/password.ts';
import { confirm } from '../terminal/prompt.ts';
import { tablePrinter } from '../terminal/table.ts';
import { isInteractive, jsonText, printable, printNote, printResult, resultWidth } from '../terminal/terminal.ts';
import { type CheckRequest, commandFor, keepingFlags } from './advice.ts';
import { checkFailed, checkWithSteps, noteSuggestedType, throwPayloadErrors } from './check.ts';
import { findRegistry, requireRegistry } from './lookup.ts';
import { formatRegistry, registryColumns, registryJson, reportJson } from './output.ts';
import { printReport } from './report.ts';

export type CreateOptions = RegistryOptions & AccountOption & { readonly username: string };

/** Prints every page as it arrives. */
export async function listRegistries(
  client: Client,
  { output, account, ...filter }: OutputOption & AccountOption & Filter,
): Promise<void> {
  const print = listPrinter(output);
  let after: string | null = null;
  do {
    const { nodes, pageInfo }: Page = (await client.run(listOperation, { account, filter, after })).registries;
    await print.page(nodes);
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  await print.end();
}

/** Prints one registry. */
export async function getRegistry(
  client: Client,
  textOrId: string,
  { output, account }: OutputOption & AccountOption,
): Promise<void> {
  await printResult(formatRegistry(await requireRegistry(client, textOrId, account), output));
}

/** Validates the credential step by step, then stores it. @throws CommandFailure if validation fails or the registry already exists; nothing was stored. */
export async function addRegistry(
  client: Client,
  input: CreateInput,
  { output, secureConnection = true, validate = true }: CreateOptions,
): Promise<void> {
  const asked = { stores: true };
  const existing = await findRegistry(client, input.registry, input.account);
  if (existing !== undefined) throw alreadyThere(existing, input);
  noteSuggestedType(input);
  if (validate) {
    const report = await checkWithSteps(client, input, secureConnection, asked);
    if (!report.valid) throw checkFailed(report, 'Nothing was stored.');
  }
  const payload = (await client.run(createOperation, { input, secureConnection, validate })).createRegistry;
  throwPayloadErrors(payload, asked);
  await printStored(payload, output, `Created registry ${input.registry}.`);
}

/** Validates the credential step by step without storing it. */
export async function checkRegistry(
  client: Client,
  input: CreateInput,
  { output, secureConnection = true }: RegistryOptions,
): Promise<void> {
  noteSuggestedType(input);
  const report = await checkWithSteps(client, input, secureConnection, { stores: false });
  if (!report.valid) throw checkFailed(report, 'The credential did not pass validation.');
  if (output === 'json') await printResult(jsonText(reportJson(report)));
}

/** Changes the given fields. Calls `askPassword` if the server requires the password for this change; undefined without a terminal. */
export async function updateRegistry(
  client: Client,
  textOrId: string,
  input: UpdateInput,
  options: RegistryOptions & AccountOption & { readonly askPassword: (() => Promise<Secret>) | undefined },
): Promise<void> {
  const { id, registry } = await requireRegistry(client, textOrId, options.account);
  const { secureConnection, validate, output, askPassword } = options;
  const send = async (change: UpdateInput): Promise<Payload> =>
    (await client.run(updateOperation, { id, input: change, secureConnection, validate })).updateRegistry;
  let payload = await send(input);
  const requiresPassword = payload.errors.some(({ code }) => code === 'PASSWORD_REQUIRED');
  if (requiresPassword && askPassword === undefined) printNote(`This change requires the password: ${passwordWays}.`);
  if (requiresPassword && askPassword !== undefined) payload = await send({ ...input, password: await askPassword() });
  const asked = { stores: true };
  throwPayloadErrors(payload, asked);
  if (payload.validation && validate !== false) printReport(payload.validation, asked);
  const isPending = input.rotation === 'PENDING' && (payload.registry?.pendingSince ?? null) !== null;
  await printStored(
    payload,
    output,
    `Updated registry ${registry}.${isPending ? ' The new password is pending: Regway switches to it once the registry accepts it, and uses the current one until then.' : ''}`,
  );
}

/** Deletes a registry after a confirmation, which `--yes` skips. */
export async function deleteRegistry(
  client: Client,
  textOrId: string,
  { yes, output, account }: OutputOption & AccountOption & { readonly yes?: boolean },
): Promise<void> {
  if (yes !== true && !isInteractive())
    throw usageError('The deletion cannot be confirmed without a terminal. Add --yes.');
  const registry = await requireRegistry(client, textOrId, account);
  if (
    yes !== true &&
    !(await confirm(
      `Delete ${printable(registry.registry)} of the account ${printable(registry.account)} and its password?`,
    ))
  ) {
    throw refused('Nothing was deleted.');
  }
  const payload = (await client.run(deleteOperation, { id: registry.id })).deleteRegistry;
  throwPayloadErrors(payload, { stores: false });
  if (output === 'table') printNote(`Deleted registry ${printable(registry.registry)}.`);
  else await printResult(output === 'id' ? registry.id : JSON.stringify({ deletedId: registry.id }));
}

/** Validates the stored credential. The server records the outcome. */
export async function validateRegistry(
  client: Client,
  textOrId: string,
  { output, account }: OutputOption & AccountOption,
): Promise<void> {
  const stored = await requireRegistry(client, textOrId, account);
  const payload = (await client.run(validateOperation, { id: stored.id })).validateRegistry;
  // A stored registry is validated as it is; an update changes it. Named as the user did: an ID needs no account.
  const update = commandFor('update', textOrId, keepingFlags(account, stored.secureConnection));
  const asked = { stores: false, elsewhere: { command: update, except: [] } };
  throwPayloadErrors(payload, asked);
  const report = payload.validation;
  if (report) await concludeValidation(report, asked, payload.registry ?? stored, output);
}

async function concludeValidation(
  report: Report,
  asked: CheckRequest,
  registry: Registry,
  output: Output,
): Promise<void> {
  printReport(report, asked);
  if (!report.valid) throw checkFailed(report, 'The outcome was recorded.');
  if (output === 'json') await printResult(jsonText(reportJson(report)));
  if (output === 'id') await printResult(printable(registry.id));
}

async function printStored({ registry }: Payload, output: Output, sentence: string): Promise<void> {
  if (output === 'table') printNote(printable(sentence));
  if (registry) await printResult(formatRegistry(registry, output));
}

function alreadyThere(
  { secureConnection }: Registry,
  { registry, account }: Pick<CreateInput, 'registry' | 'account'>,
): CommandFailure {
  const update = commandFor('update', registry, keepingFlags(account, secureConnection));
  const message = `Registry ${printable(registry)} already exists, so nothing was sent. To change it, run: ${update}`;
  return refused(message, {
    errors: [{ code: 'ALREADY_EXISTS', reason: null, message, field: ['input', 'registry'] }],
  });
}

interface ListPrinter {
  page(registries: readonly Registry[]): Promise<void>;
  end(): Promise<void>;
}

function listPrinter(output: Output): ListPrinter {
  switch (output) {
    case 'id':
      return {
        page: async (registries) =>
          void (registries.length > 0 && (await printResult(registries.map(({ id }) => printable(id)).join('\n')))),
        end: async () => {},
      };
    case 'json':
      return jsonArrayPrinter();
    case 'table': {
      const layOut = tablePrinter(registryColumns, resultWidth());
      return { page: (registries) => printResult(layOut(registries)), end: async () => {} };
    }
  }
}

/** Prints one JSON array, page by page. */
function jsonArrayPrinter(): ListPrinter {
  let before = '[\n';
  return {
    async page(registries) {
      if (registries.length === 0) return;
      const rows = registries.map((registry) => `  ${JSON.stringify(registryJson(registry))}`);
      await printResult(`${before}${rows.join(',\n')}`);
      before = ',';
    },
    end: () => printResult(before === ',' ? ']' : '[]'),
  };
}
