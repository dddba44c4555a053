// A registry by id, if the caller may see it.

import { z } from 'zod';
import { mayActIn } from '../authz/permissions.ts';
import type { Principal } from '../authz/principal.ts';
import { accountName } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Ports } from '../validation/validator.ts';
import { isRegistryId, type Registry } from './registry.ts';

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

export type ReadPorts = Pick<Ports, 'registries' | 'access'>;

/** A registry by id if the principal may see it. "Not there" and "not yours" are one answer: undefined. */
export async function findOwned(
  { registries }: Pick<Ports, 'registries'>,
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
