// Reads keyset pages and counts of registries, in a way that stays cheap however many of them match.

import type { Registry } from '../../../core/registry/registry.ts';
import type { PageQuery, Position, RegistryFilter } from '../../../core/registry/store.ts';
import { Problem } from '../../../core/shared/problem.ts';
import type { Database, Dialect } from '../../database.ts';
import { type RegistryColumns, type RegistryRow, toRegistry } from '../../schema/rows.ts';
import { searchValues } from './search.ts';
import { filterKeys, type PageShape, type PageStatements, pageStatements, type Plan } from './statements.ts';

/** Rows of a range that are read one by one before any index of a search or filter is asked. */
const smallRange = 500;
/** Matches that are read and sorted. Of more of them, a walk in order soon finds a page. */
const maxSorted = 1_000;
/** Rows of a walk in order: some 50 ms. After that, all matches are collected first. */
const maxWalked = 20_000;
/** Texts that are read for words without an index: some 200 ms. */
const maxScanned = 500_000;

/** A query with the number of its rows. */
interface PagePlan extends Plan {
  readonly limit: number;
}

export interface RegistryPages {
  page(query: PageQuery): Promise<Registry[]>;
  /** @throws Problem `INVALID_INPUT` if a search has too few letters for so many registries. */
  count(account: string, filter: RegistryFilter): Promise<number>;
}

/** @param columns The columns to read, without the secrets and the derived ones. */
export function registryPages(database: Database, columns: RegistryColumns): RegistryPages {
  const statements = pageStatements(database, columns);
  return {
    async page(query) {
      const plan = planPage(database, query);
      const rows = await (isIndexed(database, plan.shape)
        ? statements.page(plan, 'ANY')
        : narrowPage(statements, plan));
      const registries = rows.map(toRegistry);
      return query.forward ? registries : registries.toReversed();
    },
    async count(account, filter) {
      const plan = planPage(database, { ...everything, account, filter });
      if (plan.shape.search === 'NONE' || database.trigrams === undefined) return statements.count(plan, 'ANY');
      if ((await statements.placeAfter(plan, smallRange)) === undefined) return statements.count(plan, 'WALK');
      if (plan.shape.search === 'SHORT' && (await statements.hasMoreTexts(maxScanned))) throw tooFewLetters();
      return statements.count(plan, 'MATCHES');
    },
  };
}

const everything = {
  field: 'REGISTRY',
  direction: 'ASC',
  after: null,
  before: null,
  forward: true,
  limit: 0,
} as const;

/** Whether one index gives exactly the rows of the page in their order. */
function isIndexed({ trigrams }: Dialect, { search, filters, field }: PageShape): boolean {
  const isOfOneIndex = filters.length === 0 || (filters.length === 1 && field === 'REGISTRY');
  return trigrams === undefined || (search === 'NONE' && isOfOneIndex);
}

/** Reads a page of rows that no index gives in their order: those that match if they are few, else the next ones in order until enough match. */
async function narrowPage(statements: PageStatements, plan: PagePlan): Promise<readonly RegistryRow[]> {
  const { filters, search } = plan.shape;
  if ((await statements.placeAfter(plan, smallRange)) === undefined) return statements.page(plan, 'WALK');
  for (const filter of filters) {
    const ids = await statements.filteredIds(plan, filter, maxSorted + 1);
    if (ids.length <= maxSorted) return statements.page(withIds(plan, ids), 'IDS');
  }
  const isTooLarge = search === 'SHORT' && (await statements.hasMoreTexts(maxScanned));
  if (search !== 'NONE' && !isTooLarge) {
    const ids = await statements.foundIds(plan, maxSorted + 1);
    if (ids.length <= maxSorted) return statements.page(withIds(plan, ids), 'IDS');
  }
  const end = await statements.placeAfter(plan, maxWalked);
  const walked = await statements.page(end === undefined ? plan : endingAt(plan, end), 'WALK');
  if (end === undefined || walked.length >= plan.limit) return walked;
  if (isTooLarge) throw tooFewLetters();
  return statements.page(plan, 'MATCHES');
}

function tooFewLetters(): Problem {
  return new Problem(
    'INVALID_INPUT',
    `Words of one or two letters are searched in at most ${maxScanned} registries. Add a word of at least three letters.`,
    { field: ['filter', 'search'] },
  );
}

function withIds(plan: Plan, ids: readonly string[]): Plan {
  return { ...plan, values: { ...plan.values, ids: JSON.stringify(ids) } };
}

/** The part of a range before a place. */
function endingAt({ shape, values }: Plan, place: Position): Plan {
  const side = shape.ascending ? 'below' : 'above';
  return { shape: { ...shape, [side]: true }, values: { ...values, ...positionValues(side, place) } };
}

/** Maps "after" and "before" in either direction to "above" and "below", read from the end that was requested. */
function planPage(dialect: Dialect, query: PageQuery): PagePlan {
  const rising = query.direction === 'ASC';
  const [above, below] = rising ? [query.after, query.before] : [query.before, query.after];
  const search = searchValues(dialect, query.filter);
  const shape: PageShape = {
    field: query.field,
    ascending: rising === query.forward,
    above: above !== null,
    below: below !== null,
    filters: filterKeys.filter((key) => query.filter[key] !== undefined),
    search: search.kind,
  };
  const { account, limit, filter } = query;
  const values = { account, limit, ...filter, ...search.values };
  return { shape, limit, values: { ...values, ...positionValues('above', above), ...positionValues('below', below) } };
}

function positionValues(side: 'above' | 'below', position: Position | null): Record<string, unknown> {
  return position === null ? {} : { [`${side}Value`]: position.value, [`${side}Id`]: position.id };
}
