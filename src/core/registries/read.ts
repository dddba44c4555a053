// Reading: one registry, a page of them, and which one a pull of an image would use.

import { authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import { findOwned, getArguments, type LookupPorts } from '../registry/lookup.ts';
import { parseRegistryPattern } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { parseInput } from '../shared/input.ts';
import { type EntityKey, findEntities, type FoundEntity } from './entities.ts';
import { explainImage, type ImageExplanation } from './explain.ts';
import { listRegistries, type RegistryPage } from './list.ts';

/**
 * The use cases that only read. Inputs are `unknown`: each use case authorizes first, then parses (a stranger learns nothing from a parse error).
 * All throw `Problem`; the codes are named where they are not the usual `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_INPUT`.
 */
export interface Reading {
  /** @param args `{ first, after, last, before, filter, orderBy, account }`, Relay's meaning, 100 a page at most, 50 by default. */
  list(caller: Caller, args: unknown): Promise<RegistryPage>;
  /** @param args exactly one of `{ id }` and `{ registry, account? }`. Null when it is not there or not the caller's. */
  get(caller: Caller, args: unknown): Promise<Registry | null>;
  /** @param args `{ reference, account? }`. @throws Problem `INVALID_REFERENCE`. */
  image(caller: Caller, args: unknown): Promise<ImageExplanation>;
  /**
   * Many of `get` and `image` at once, in their order: two statements whatever their number, and one more for all candidates.
   * @throws Problem `UNAUTHENTICATED`, and `INVALID_INPUT` for too much at once; everything else belongs to a key.
   */
  entities(caller: Caller, keys: readonly EntityKey[]): Promise<readonly FoundEntity[]>;
}

/** The reading half of the use cases. */
export function createReading(ports: LookupPorts): Reading {
  return {
    get: (caller, args) => getRegistry(ports, caller, args),
    list: (caller, args) => listRegistries(ports, caller, args),
    image: (caller, args) => explainImage(ports, caller, args),
    entities: (caller, keys) => findEntities(ports, caller, keys),
  };
}

async function getRegistry(ports: LookupPorts, caller: Caller, args: unknown): Promise<Registry | null> {
  const principal = authorize(caller, 'registry.get');
  const { id, registry: text, account } = parseInput(getArguments, args);
  if (id !== null && id !== undefined) return (await findOwned(ports, principal, id)) ?? null;
  const { registry } = parseRegistryPattern(text ?? '');
  const owner = account ?? principal.account;
  return mayActIn(principal, owner) ? ((await ports.registries.byText(owner, registry)) ?? null) : null;
}
