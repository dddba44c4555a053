// Joins the use cases that only read: one registry, a page of them, and the one that a pull of an image would use.

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
 * The use cases that only read. Inputs are `unknown`, because each use case authorizes before it parses: an unauthenticated caller learns
 * nothing from a parse error. All throw Problem `UNAUTHENTICATED`, `FORBIDDEN`, and `INVALID_INPUT`; only other codes are named.
 */
export interface Reading {
  /** Returns one page of registries. @param args `{ first, after, last, before, filter, orderBy, account }`. Defaults to 50 registries; at most 100. */
  list(caller: Caller, args: unknown): Promise<RegistryPage>;
  /** Returns a registry, or null if it does not exist or the caller has no access to it. @param args Exactly one of `{ id }` and `{ registry, account? }`. */
  get(caller: Caller, args: unknown): Promise<Registry | null>;
  /** Explains which registry a pull of an image would use. @param args `{ reference, account? }`. @throws Problem `INVALID_REFERENCE`. */
  image(caller: Caller, args: unknown): Promise<ImageExplanation>;
  /**
   * Returns the results of many `get` and `image` calls, in their order, with two queries in total and one more for all candidates.
   * @throws Problem `UNAUTHENTICATED`, and `INVALID_INPUT` for too much at once. Every other problem is the result of its key.
   */
  entities(caller: Caller, keys: readonly EntityKey[]): Promise<readonly FoundEntity[]>;
}

/** Creates the use cases that only read. */
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
  return mayActIn(principal, owner) ? ((await ports.registries.byPattern(owner, registry)) ?? null) : null;
}
