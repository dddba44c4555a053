// Stores the filters, order, and page of the list in the address, so that it can be reloaded, shared, and left with the back button.

import type { ListQueryVariables, RegistryOrderField, RegistryType, ValidationOutcome } from '../api/operations.ts';
import { outcomeLabels, typeLabels } from '../shared/words.ts';

/** The columns that the server can sort by. */
const sortFields = {
  registry: 'REGISTRY',
  name: 'NAME',
  created: 'CREATED_AT',
  updated: 'UPDATED_AT',
} as const satisfies Record<string, RegistryOrderField>;
/** The name of a sortable column in the address. */
export type SortKey = keyof typeof sortFields;

/** The page sizes that users can choose. */
export const pageSizes = [25, 50, 100] as const;
const defaultPageSize = 50;

/** The position of a page: first, last, or after or before a cursor of the server. */
export type Position = 'first' | 'last' | { readonly after: string } | { readonly before: string };

/** The filters, order, and page of the list. */
export interface ListState {
  readonly search: string;
  readonly type: RegistryType | null;
  readonly outcome: ValidationOutcome | null;
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly size: number;
  readonly position: Position;
}

/** Parses the query part of an address. Ignores unknown parameters and invalid values. */
export function parseListState(query: string): ListState {
  const parameters = new URLSearchParams(query);
  const sort = parameters.get('sort') ?? 'registry';
  const key = sort.replace(/^-/, '');
  const size = Number(parameters.get('size'));
  return {
    search: parameters.get('q') ?? '',
    type: memberOf(typeLabels, parameters.get('type')),
    outcome: memberOf(outcomeLabels, parameters.get('status')),
    sort: memberOf(sortFields, key) ?? 'registry',
    descending: sort.startsWith('-') && memberOf(sortFields, key) !== null,
    size: pageSizes.find((candidate) => candidate === size) ?? defaultPageSize,
    position: parsePosition(parameters),
  };
}

/** Prints the query part of an address, with its `?`, or empty if every value is the default. Omits defaults. */
export function printListState({ search, type, outcome, sort, descending, size, position }: ListState): string {
  const entries: (readonly [string, string | null])[] = [
    ['q', search || null],
    ['type', type],
    ['status', outcome],
    ['sort', descending ? `-${sort}` : sort === 'registry' ? null : sort],
    ['size', size === defaultPageSize ? null : String(size)],
    ...positionEntries(position),
  ];
  const parameters = new URLSearchParams(entries.flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
  return parameters.size === 0 ? '' : `?${parameters}`;
}

/** Converts the state of the list to the variables of the query. */
export function listVariables({
  search,
  type,
  outcome,
  sort,
  descending,
  size,
  position,
}: ListState): ListQueryVariables {
  const fromEnd = position === 'last' || (typeof position === 'object' && 'before' in position);
  return {
    ...(fromEnd ? { last: size } : { first: size }),
    ...(typeof position === 'object' ? position : {}),
    filter: { search: search.trim() || null, type, outcome },
    orderBy: { field: sortFields[sort], direction: descending ? 'DESC' : 'ASC' },
  };
}

/** Returns whether the list is filtered, in which case an empty list means that nothing matches. */
export function isFiltered({ search, type, outcome }: ListState): boolean {
  return search.trim() !== '' || type !== null || outcome !== null;
}

function parsePosition(parameters: URLSearchParams): Position {
  const after = parameters.get('after');
  const before = parameters.get('before');
  if (after) return { after };
  if (before) return { before };
  return parameters.get('page') === 'last' ? 'last' : 'first';
}

function positionEntries(position: Position): [string, string][] {
  if (position === 'first') return [];
  return position === 'last' ? [['page', 'last']] : Object.entries(position);
}

function memberOf<Name extends string>(names: Readonly<Record<Name, unknown>>, text: string | null): Name | null {
  return text !== null && Object.hasOwn(names, text) ? (text as Name) : null;
}
