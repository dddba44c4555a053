// Whether a credential is still needed: when registries were last used, and by whom for what. For those who may get the registry.

import { authorise, mayActIn, type Caller } from '../authz/permissions.ts';
import { parseInput, usesArguments } from '../input.ts';
import type { CountedUse, UseStore } from '../ports.ts';
import type { Registry } from '../registry/registry.ts';

/** What both throw: Problem `UNAUTHENTICATED`, and `FORBIDDEN` for a puller, who learns which registry a pull uses but not who else uses it. */
export interface Uses {
  /** The last use of each registry that was ever used, in one statement. The newest second may be missing. */
  lastUsed(caller: Caller, registries: readonly Registry[]): Promise<ReadonlyMap<string, Date>>;
  /** The newest counts of one registry, newest first. @param args `{ first }`, 20 by default, 100 at most. */
  of(caller: Caller, registry: Registry, args: unknown): Promise<readonly CountedUse[]>;
}

export function createUses({ uses }: { readonly uses: UseStore }): Uses {
  return {
    async lastUsed(caller, registries) {
      const principal = authorise(caller, 'registry.get');
      const ids = registries.filter(({ account }) => mayActIn(principal, account)).map(({ id }) => id);
      return uses.lastUsed(ids);
    },
    async of(caller, registry, args) {
      const principal = authorise(caller, 'registry.get');
      const { first } = parseInput(usesArguments, args);
      return mayActIn(principal, registry.account) ? uses.usesOf(registry.id, first) : [];
    },
  };
}
