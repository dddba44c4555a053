// Reads one page of an ordered list: the arguments of Relay's cursor connections, opaque cursors, and whether more entries follow.

import { z } from 'zod';
import { defaultPageSize, pageSize } from './input.ts';
import { parseJson } from './json.ts';
import { Problem } from './problem.ts';

/** One page of a list, in its order. */
export interface Page<Node> {
  readonly nodes: readonly Node[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Returns the opaque cursor of a node of this page. */
  cursorOf(node: Node): string;
}

/** The part of a list that a store reads. */
export interface ListRange<Place> {
  /** Only entries strictly after (or before) this place; null for no bound. */
  readonly after: Place | null;
  readonly before: Place | null;
  /** True for the first `limit` entries of the part, false for the last. In the order of the list in both cases. */
  readonly forward: boolean;
  /** Maximum number of entries, 1 to 101: one more than a page, to see whether another follows. */
  readonly limit: number;
}

/** A list, its places, and the store that reads it. */
export interface PagedList<Node, Place> {
  /** The name of the list, which its cursors contain. */
  readonly name: string;
  readonly placeOf: (node: Node) => Place;
  /** The place in a cursor. */
  readonly place: z.ZodType<Place>;
  readonly read: (range: ListRange<Place>) => Promise<readonly Node[]>;
}

/** The fields of the schema of a list's arguments. */
export const pageArguments = {
  first: pageSize.nullish(),
  after: z.string().max(2048).nullish(),
  last: pageSize.nullish(),
  before: z.string().max(2048).nullish(),
};

/** Accepts arguments without both `first` and `last`. Pass it to `refine` with `onlyOneEnd`. */
export const hasOneEnd = ({ first, last }: PageArguments): boolean =>
  (first ?? null) === null || (last ?? null) === null;
/** The violation of `hasOneEnd`. */
export const onlyOneEnd = { path: ['last'], message: 'cannot be combined with first' };

/** The arguments of a list, parsed. */
export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** The text of a place in a cursor. PostgreSQL can store neither NUL nor lone surrogates. */
export const placeText = z
  .string()
  .max(512)
  .refine((text) => text.isWellFormed() && !text.includes('\0'));

/**
 * Reads the page that the arguments name. Defaults to 50 entries from the start.
 * @throws Problem `INVALID_INPUT` for a cursor of another list.
 */
export async function readPage<Node, Place>(
  list: PagedList<Node, Place>,
  { first, after, last, before }: PageArguments,
): Promise<Page<Node>> {
  const forward = (last ?? null) === null;
  const size = first ?? last ?? defaultPageSize;
  const range = {
    after: decodeCursor(list, after ?? null, 'after'),
    before: decodeCursor(list, before ?? null, 'before'),
    forward,
    limit: size + 1,
  };
  const entries = await list.read(range);
  const more = entries.length > size;
  return {
    nodes: more ? (forward ? entries.slice(0, size) : entries.slice(entries.length - size)) : entries,
    // Relay's cursor specification: on the side opposite to the direction, a given cursor proves that there are more entries.
    hasNextPage: forward ? more : range.before !== null,
    hasPreviousPage: forward ? range.after !== null : more,
    cursorOf: (node) => Buffer.from(JSON.stringify([list.name, list.placeOf(node)])).toString('base64url'),
  };
}

function decodeCursor<Place>(
  { name, place }: Pick<PagedList<never, Place>, 'name' | 'place'>,
  cursor: string | null,
  argument: string,
): Place | null {
  if (cursor === null) return null;
  const parts = z.tuple([z.literal(name), place]).safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (parts.success) return parts.data[1];
  throw new Problem('INVALID_INPUT', `${argument} is not a cursor of this list. Start again without it.`, {
    field: [argument],
  });
}
