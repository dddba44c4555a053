// Reading: one registry, a page of them, and which one a pull of an image would use.

import { authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import { findOwned, getArguments, type ReadPorts } from '../registry/lookup.ts';
import { parseRegistryPattern } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { parseInput } from '../shared/input.ts';
import { findEntities } from './entities.ts';
import { explainImage } from './explain.ts';
import { listRegistries } from './list.ts';
import type { Registries } from './registries.ts';

/** The reading half of the use cases. */
export function createReading(ports: ReadPorts): Pick<Registries, 'get' | 'list' | 'image' | 'entities'> {
  return {
    get: (caller, args) => getRegistry(ports, caller, args),
    list: (caller, args) => listRegistries(ports, caller, args),
    image: (caller, args) => explainImage(ports, caller, args),
    entities: (caller, keys) => findEntities(ports, caller, keys),
  };
}

async function getRegistry(ports: ReadPorts, caller: Caller, args: unknown): Promise<Registry | null> {
  const principal = authorize(caller, 'registry.get');
  const { id, registry: text, account } = parseInput(getArguments, args);
  if (id !== null && id !== undefined) return (await findOwned(ports, principal, id)) ?? null;
  const { registry } = parseRegistryPattern(text ?? '');
  const owner = account ?? principal.account;
  return mayActIn(principal, owner) ? ((await ports.registries.byText(owner, registry)) ?? null) : null;
}
