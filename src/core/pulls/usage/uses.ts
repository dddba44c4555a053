// Reads the usage of stored credentials: when registries were last used, by whom, and for which images.

import { z } from 'zod';
import { authorize, mayActIn } from '../../authz/permissions.ts';
import type { Caller } from '../../authz/principal.ts';
import type { Registry } from '../../registry/registry.ts';
import { pageSize, parseInput } from '../../shared/input.ts';

/** One use of a stored credential by a pull. */
export interface CredentialUse {
  readonly at: Date;
  readonly account: string;
  readonly registryId: string;
  readonly registryVersion: number;
  /** The subject of the principal who pulled. */
  readonly actor: string;
  /** `host/repository`, without tag or digest; the host alone for its catalog. */
  readonly image: string;
  /** `DONE`, or the validation outcome of the upstream's rejection. */
  readonly outcome: string;
  /** What the pull requested; undefined for another use, such as an issued token. */
  readonly request?: RequestedContent | undefined;
}

/** One request of an image pull. */
export interface RequestedContent {
  readonly method: 'GET' | 'HEAD';
  readonly kind: 'manifests' | 'blobs' | 'tags' | 'referrers' | 'catalog';
  /** Tag or digest; empty for tags and the catalog. */
  readonly reference: string;
}

/** Uses counted by actor, image, registry version, and outcome. */
export interface CountedUse extends Omit<CredentialUse, 'at' | 'account' | 'request'> {
  readonly count: number;
  readonly lastAt: Date;
}

/** Records uses without delaying a pull; they are written in batches. Several requests of one image pull count once. */
export interface UseLedger {
  record(use: CredentialUse): void;
}

/** The place of a count in the list of its registry, newest first. */
export type UseKey = Omit<CountedUse, 'registryId' | 'count'>;

/** Stores counted uses. */
export interface UseStore {
  /** Adds a batch of distinct counts, in one transaction. Drops uses of registries that no longer exist. */
  addUses(uses: readonly CountedUse[]): Promise<void>;
  /** Returns when each of these registries was last used, without those never used, in one query. */
  lastUsed(registryIds: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  /** Returns the counts of one registry, newest first. @param after The last count of the previous page. Defaults to the start. */
  usesOf(registryId: string, limit: number, after?: UseKey): Promise<CountedUse[]>;
  /** Returns the IDs after `afterId`, in order, of registries with counts whose last use was before a time. */
  registriesUsedBefore(before: Date, afterId: string, limit: number): Promise<string[]>;
  /**
   * Deletes the counts of one registry whose last use was before a time, in one transaction. Returns how many, or undefined, and deletes none, while
   * another process deletes some.
   */
  deleteUsesBefore(registryId: string, before: Date): Promise<number | undefined>;
}

/** The use cases on usage. Both throw Problem `UNAUTHENTICATED`, and `FORBIDDEN` for the role PULL, which cannot see who else uses a registry. */
export interface Uses {
  /** Returns the last use of each registry that was ever used, in one query. The last second may be missing. */
  lastUsed(caller: Caller, registries: readonly Registry[]): Promise<ReadonlyMap<string, Date>>;
  /** Returns the counts of one registry, newest first. @param args `{ first }`. Defaults to 20; at most 100. */
  of(caller: Caller, registry: Registry, args: unknown): Promise<readonly CountedUse[]>;
}

/** Counts of one registry that are listed by default. */
const defaultUses = 20;
const usesArguments = z.strictObject({ first: pageSize.nullish().transform((first) => first ?? defaultUses) });

/** Creates the use cases on usage. */
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
