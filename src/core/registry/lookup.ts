// A registry by id, if the caller may see it.

import { z } from 'zod';
import { type AccountLookup, mayActIn } from '../authz/permissions.ts';
import type { Principal } from '../authz/principal.ts';
import { accountName } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import { isRegistryId, type Registry } from './registry.ts';
import type { RegistryStore } from './store.ts';

/** Registries at rest, and the accounts that a caller may name. */
export interface LookupPorts {
  readonly registries: RegistryStore;
  readonly access: AccountLookup;
}

/** One answer for "not there" and "not yours". */
export function noSuchRegistry(): Problem {
  return new Problem('NOT_FOUND', 'There is no registry with this id.', { field: ['id'] });
}

export function changedMeanwhile(): Problem {
  return new Problem(
    'CONFLICT',
    'The registry was changed by somebody else meanwhile. Read it again and repeat the call.',
  );
}

/** A registry by id if the principal may see it. "Not there" and "not yours" are one answer: undefined. */
export async function findOwned(
  { registries }: Pick<LookupPorts, 'registries'>,
  principal: Principal,
  id: string,
): Promise<Registry | undefined> {
  const registry = isRegistryId(id) ? await registries.byId(id) : undefined;
  return registry !== undefined && mayActIn(principal, registry.account) ? registry : undefined;
}

export const getArguments = z
  .strictObject({ id: z.string().nullish(), registry: z.string().nullish(), account: accountName.nullish() })
  .refine((args) => ((args.id ?? null) === null) !== ((args.registry ?? null) === null), {
    path: ['id'],
    message: 'or registry is needed: exactly one of the two',
  });
