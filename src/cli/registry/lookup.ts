// Finds the registry that a command names, by its pattern or ID.

import type { Client } from '../api/client.ts';
import { shellWord } from '../../core/shared/shell.ts';
import { refused } from '../errors.ts';
import { getOperation, type Registry } from '../api/operations.ts';
import { printable } from '../terminal/terminal.ts';

const idPattern = /^reg_[0-9a-f]{32}$/;

/** Returns the registry, or undefined if it does not exist or the caller has no access. */
export async function findRegistry(client: Client, textOrId: string, account?: string): Promise<Registry | undefined> {
  const key = idPattern.test(textOrId) ? { id: textOrId } : { registry: textOrId, account };
  return (await client.run(getOperation, key)).registry ?? undefined;
}

/** Returns the registry. @throws CommandFailure if it does not exist or the caller has no access. */
export async function requireRegistry(client: Client, textOrId: string, account?: string): Promise<Registry> {
  const registry = await findRegistry(client, textOrId, account);
  if (registry !== undefined) return registry;
  const list = `regway registry list${account === undefined ? '' : ` --account=${shellWord(printable(account))}`}`;
  const message = `Registry ${printable(textOrId)} does not exist. Run "${list}" to see all registries.`;
  throw refused(message, { errors: [{ code: 'NOT_FOUND', reason: null, message, field: null }] });
}
