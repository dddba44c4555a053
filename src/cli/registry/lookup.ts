// Finds the registry that a command names, by its text or its id.

import type { Client } from '../api/client.ts';
import { refused } from '../errors.ts';
import { getOperation, type Registry } from '../api/operations.ts';
import { printable } from '../terminal/terminal.ts';

const idPattern = /^reg_[0-9a-f]{32}$/;

/** Undefined when it is not there or not the caller's. */
export async function findRegistry(client: Client, textOrId: string, account?: string): Promise<Registry | undefined> {
  const key = idPattern.test(textOrId) ? { id: textOrId } : { registry: textOrId, account };
  return (await client.run(getOperation, key)).registry ?? undefined;
}

/** @throws CommandFailure when it is not there or not the caller's. */
export async function requireRegistry(client: Client, textOrId: string, account?: string): Promise<Registry> {
  const registry = await findRegistry(client, textOrId, account);
  if (registry !== undefined) return registry;
  const message = `There is no registry ${printable(textOrId)}. "regway registry list" shows what there is.`;
  throw refused(message, { errors: [{ code: 'NOT_FOUND', reason: null, message, field: null }] });
}
