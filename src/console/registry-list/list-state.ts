// What the list shows, kept in the address so that it can be reloaded, sent to a colleague, and left with the back button.

import type { ListQueryVariables, RegistryOrderField, RegistryType, ValidationOutcome } from '../api/operations.ts';
import { outcomeLabels, typeLabels } from '../shared/words.ts';

/** The columns that the server can sort by. */
const sortFields = {
  registry: 'REGISTRY',
  name: 'NAME',
  created: 'CREATED_AT',
  updated: 'UPDATED_AT',
} as const satisfies Record<string, RegistryOrderField>;
export type SortKey = keyof typeof sortFields;

export const pageSizes = [25, 50, 100] as const;
const defaultPageSize = 50;

/** Where a page lies: from the start, from the end, or beside an entry that the server named. */
export type Position = 'first' | 'last' | { readonly after: string } | { readonly before: string };

export interface ListState {
  readonly search: string;
  readonly type: RegistryType | null;
  readonly outcome: ValidationOutcome | null;
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly size: number;
  readonly position: Position;
}

/** Reads the query part of an address. What makes no sense is as if it were not there. */
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

/** The query part of an address, empty or with its `?`. What is as usual is left out. */
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

/** What to ask the server for. */
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

/** Whether the list is narrowed, so that an empty one means that nothing matches. */
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
