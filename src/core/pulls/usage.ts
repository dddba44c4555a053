// Whether a credential is still needed: when registries were last used, and by whom for what. For those who may get the registry.

import { z } from 'zod';
import { authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import type { Registry } from '../registry/registry.ts';
import { pageSize, parseInput } from '../shared/input.ts';

/** What both throw: Problem `UNAUTHENTICATED`, and `FORBIDDEN` for a puller, who learns which registry a pull uses but not who else uses it. */
export interface Uses {
  /** The last use of each registry that was ever used, in one statement. The newest second may be missing. */
  lastUsed(caller: Caller, registries: readonly Registry[]): Promise<ReadonlyMap<string, Date>>;
  /** The newest counts of one registry, newest first. @param args `{ first }`, 20 by default, 100 at most. */
  of(caller: Caller, registry: Registry, args: unknown): Promise<readonly CountedUse[]>;
}

/** Counts of one registry that are listed at once. */
const defaultUses = 20;
const usesArguments = z.strictObject({ first: pageSize.nullish().transform((first) => first ?? defaultUses) });

export function createUses({ uses }: { readonly uses: UseStore }): Uses {
  return {
    async lastUsed(caller, registries) {
      const principal = authorize(caller, 'registry.get');
      const ids = registries.filter(({ account }) => mayActIn(principal, account)).map(({ id }) => id);
      return uses.lastUsed(ids);
    },
    async of(caller, registry, args) {
      const principal = authorize(caller, 'registry.get');
      const { first } = parseInput(usesArguments, args);
      return mayActIn(principal, registry.account) ? uses.usesOf(registry.id, first) : [];
    },
  };
}

/** One use of a stored credential by a pull. */
export interface CredentialUse {
  readonly at: Date;
  readonly account: string;
  readonly registryId: string;
  readonly registryVersion: number;
  /** Subject of the principal who pulled. */
  readonly actor: string;
  /** `host/repository`, without tag or digest. */
  readonly image: string;
  /** `DONE`, or the validation outcome that the upstream's refusal stands for. */
  readonly outcome: string;
}

/** Uses counted by who, image, registry version and outcome. */
export interface CountedUse extends Omit<CredentialUse, 'at' | 'account'> {
  readonly count: number;
  readonly lastAt: Date;
}

/** Takes note of uses without keeping a pull waiting; they are written in batches. */
export interface UseLedger {
  record(use: CredentialUse): void;
}

/** Uses at rest. */
export interface UseStore {
  /** Adds a batch to the counts, in one transaction; no two of it count the same. Uses of registries that are gone are dropped. */
  addUses(uses: readonly CountedUse[]): Promise<void>;
  /** When each of these registries was last used; those never used are absent. One statement. */
  lastUsed(registryIds: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  /** The latest counted uses of one registry, newest first. */
  usesOf(registryId: string, limit: number): Promise<CountedUse[]>;
}
