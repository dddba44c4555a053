// Finds a registry by ID, if the principal has access to it.

import { z } from 'zod';
import { type AccountLookup, mayActIn } from '../authz/permissions.ts';
import type { Principal } from '../authz/principal.ts';
import { accountName } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import { isRegistryId, type Registry } from './registry.ts';
import type { RegistryStore } from './store.ts';

/** The ports of a lookup: stored registries, and the accounts that a caller can name. */
export interface LookupPorts {
  readonly registries: RegistryStore;
  readonly access: AccountLookup;
}

/** Returns the one problem for a registry that does not exist or that the caller has no access to. */
export function noSuchRegistry(): Problem {
  return new Problem('NOT_FOUND', 'There is no registry with this id.', { field: ['id'] });
}

/** Returns the problem of a registry that another caller changed or deleted during the call. */
export function changedConcurrently(): Problem {
  return new Problem('CONFLICT', 'Another caller changed the registry in the meantime. Fetch it again, then retry.');
}

/** Returns a registry by ID, or undefined if it does not exist or the principal has no access to it. */
export async function findOwned(
  { registries }: Pick<LookupPorts, 'registries'>,
  principal: Principal,
  id: string,
): Promise<Registry | undefined> {
  const registry = isRegistryId(id) ? await registries.byId(id) : undefined;
  return registry !== undefined && mayActIn(principal, registry.account) ? registry : undefined;
}

/** The key of one registry: exactly one of `{ id }` and `{ registry, account? }`. */
export const getArguments = z
  .strictObject({ id: z.string().nullish(), registry: z.string().nullish(), account: accountName.nullish() })
  .refine((args) => ((args.id ?? null) === null) !== ((args.registry ?? null) === null), {
    path: ['id'],
    message: 'or registry is required: exactly one of the two',
  });
