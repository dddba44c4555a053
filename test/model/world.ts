// The model: registries in plain maps and lists, with a second, simplest implementation of every rule of the use cases.

import type { Registry, RegistryType } from '../../src/core/registry/registry.ts';
import type { ValidationOutcome } from '../../src/core/registry/report.ts';
import type { OrderDirection, RegistryOrderField } from '../../src/core/registry/store.ts';

/** A registry as its owner knows it, the password included. */
export interface Known extends Pick<
  Registry,
  'id' | 'registry' | 'host' | 'name' | 'type' | 'username' | 'secureConnection'
> {
  readonly password: string;
  readonly outcome: ValidationOutcome;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ListQuery {
  readonly filter: {
    readonly search?: string;
    readonly host?: string;
    readonly type?: RegistryType;
    readonly outcome?: ValidationOutcome;
  };
  readonly field: RegistryOrderField;
  readonly direction: OrderDirection;
}

/** Registries by id. */
export type World = Map<string, Known>;

/** Returns the whole list of a query, in its order. */
export function listOf(world: World, { filter, field, direction }: ListQuery): Known[] {
  const { search, host, type, outcome } = filter;
  const matches = [...world.values()].filter(
    (known) =>
      (search === undefined || hasWords(known, search)) &&
      (host === undefined || known.host === host) &&
      (type === undefined || known.type === type) &&
      (outcome === undefined || known.outcome === outcome),
  );
  const sign = direction === 'ASC' ? 1 : -1;
  return matches.toSorted(
    (one, two) => sign * (compare(orderValue(one, field), orderValue(two, field)) || compare(one.id, two.id)),
  );
}

/** The text of the registry that a pull of `host/path` uses. */
export function winnerOf(world: World, host: string, path: string): string | null {
  const covering = [...world.values()].map(({ registry }) => registry).filter((text) => coversImage(text, host, path));
  // A repository, the longer subtree, the host.
  const rank = (text: string) => (text === `${host}/${path}` ? Infinity : text.length);
  return covering.toSorted((one, two) => rank(two) - rank(one))[0] ?? null;
}

function coversImage(text: string, host: string, path: string): boolean {
  if (text === host || text === `${host}/${path}`) return true;
  return text.endsWith('/*') && `${host}/${path}`.startsWith(text.slice(0, -1));
}

/** Every word occurs in one of the fields. */
function hasWords({ registry, name, username }: Known, search: string): boolean {
  const fields = [registry, name, username].map(folded);
  const words = folded(search)
    .split(/\s+/u)
    .filter((word) => word !== '');
  return words.every((word) => fields.some((field) => field.includes(word)));
}

/** Without case and accents. The model's names have no letter for which that is harder. */
function folded(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
}

function orderValue(known: Known, field: RegistryOrderField): string | number {
  return {
    REGISTRY: known.registry,
    NAME: `${folded(known.name)}\n${known.name}`,
    CREATED_AT: known.createdAt,
    UPDATED_AT: known.updatedAt,
  }[field];
}

function compare(one: string | number, two: string | number): number {
  return one < two ? -1 : one > two ? 1 : 0;
}
