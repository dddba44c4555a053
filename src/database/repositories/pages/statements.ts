// Builds the statements of keyset pages and counts, one for each shape of query at its first use.

import { and, asc, type Column, desc, eq, sql, type SQL } from 'drizzle-orm';
import type { Position, RegistryOrderField } from '../../../core/registry/store.ts';
import {
  type BuildSelect,
  type Database,
  type Dialect,
  given,
  type Queries,
  registryReads,
  statement,
  unnamed,
} from '../../database.ts';
import type { RegistryColumns, RegistryRow } from '../../schema/rows.ts';
import type { Tables } from '../../schema/tables.ts';
import { foundTexts, isFound, type SearchKind } from './search.ts';

export const filterKeys = ['host', 'type', 'outcome'] as const;
type FilterKey = (typeof filterKeys)[number];

/**
 * Where the rows of a page come from, on SQLite, which does not know how many rows match: from any index, from a walk in the order of the page,
 * from a list of IDs, or from a walk that compares with all matches. PostgreSQL chooses by its statistics.
 */
export type Source = 'ANY' | 'WALK' | 'IDS' | 'MATCHES';

/** What makes two queries different statements. */
export interface PageShape {
  readonly field: RegistryOrderField;
  readonly ascending: boolean;
  /** Whether rows below, and above, a position are left out. */
  readonly above: boolean;
  readonly below: boolean;
  readonly filters: readonly FilterKey[];
  readonly search: SearchKind;
}

/** One query: its shape, and the values of its placeholders. */
export interface Plan {
  readonly shape: PageShape;
  readonly values: Record<string, unknown>;
}

/** The statements, each prepared at its first use. */
export interface PageStatements {
  page(plan: Plan, source: Source): Promise<readonly RegistryRow[]>;
  count(plan: Plan, source: Source): Promise<number>;
  /** Returns the place of the row that stands this many rows after the first of the range, whatever the filters; undefined if the range is shorter. */
  placeAfter(plan: Plan, rows: number): Promise<Position | undefined>;
  /** Returns the IDs of rows that pass this one filter, in no order. */
  filteredIds(plan: Plan, filter: FilterKey, limit: number): Promise<string[]>;
  /** Returns the IDs of rows that pass the filters and the search, in no order. */
  foundIds(plan: Plan, limit: number): Promise<string[]>;
  /** Returns whether there are more texts to search in, of all accounts. */
  hasMoreTexts(than: number): Promise<boolean>;
}

/** @param columns The columns to read, without the secrets and the derived ones. */
export function pageStatements(database: Database, columns: RegistryColumns): PageStatements {
  const pages = prepared((shape, source) => registryReads(database, buildPage(database, columns, shape, source)));
  const counts = prepared((shape, source) => buildCount(database, shape, source));
  const places = prepared((shape) => buildPlace(database, shape));
  const filtered = prepared((shape) => buildFilteredIds(database, shape));
  const found = prepared((shape) => buildFoundIds(database, shape));
  const texts = buildTextAfter(database);
  return {
    page: ({ shape, values }, source) => pages(shape, source)(values),
    async count({ shape, values }, source) {
      const [row] = await database.read((queries) => counts(countShape(shape), source)(queries).execute(values));
      return row?.count ?? 0;
    },
    async placeAfter({ shape, values }, rows) {
      const place = places({ ...shape, filters: [], search: 'NONE' });
      const [row] = await database.read((queries) => place(queries).execute({ ...values, rows }));
      return row;
    },
    async filteredIds({ values }, filter, limit) {
      const ids = filtered({ ...anyRange, filters: [filter], search: 'NONE' });
      return (await database.read((queries) => ids(queries).execute({ ...values, limit }))).map(({ id }) => id);
    },
    async foundIds({ shape: { filters, search }, values }, limit) {
      const ids = found({ ...anyRange, filters, search });
      return (await database.read((queries) => ids(queries).execute({ ...values, limit }))).map(({ id }) => id);
    },
    async hasMoreTexts(than) {
      return (await database.read((queries) => texts(queries).execute({ than }))).length > 0;
    },
  };
}

const anyRange = { field: 'REGISTRY', ascending: true, above: false, below: false } as const;

function countShape({ filters, search }: PageShape): PageShape {
  return { ...anyRange, filters, search };
}

/** Keeps what was made for each shape: at most some hundreds, since only the flags of a query are part of it. */
function prepared<T>(make: (shape: PageShape, source: Source) => T): (shape: PageShape, source?: Source) => T {
  const made = new Map<string, T>();
  return (shape, source = 'ANY') => {
    const key = JSON.stringify([shape, source]);
    const known = made.get(key) ?? make(shape, source);
    made.set(key, known);
    return known;
  };
}

function buildPage(
  dialect: Dialect,
  columns: RegistryColumns,
  shape: PageShape,
  source: Source,
): BuildSelect<RegistryRow> {
  const { registry } = dialect.tables;
  const key = keyColumns(registry, shape.field);
  const order = shape.ascending ? asc : desc;
  const where = and(inRange(dialect, shape, source), isFrom(dialect, shape, source));
  return (queries) =>
    queries
      .select(columns)
      .from(registry)
      .where(where)
      .orderBy(...key.map((column) => order(column)))
      .limit(sql.placeholder('limit'));
}

function buildCount(dialect: Dialect, shape: PageShape, source: Source) {
  const { registry, registrySearch } = dialect.tables;
  const count = sql`count(*)`.mapWith(Number);
  // One pass over the texts, each with a look at its row if there are other filters.
  if (source === 'MATCHES') {
    const { from, where } = foundTexts(dialect, shape.search);
    const passes =
      shape.filters.length === 0
        ? undefined
        : sql`EXISTS (SELECT 1 FROM ${registry} WHERE ${and(
            eq(registry.id, registrySearch.registryId),
            passesFilters(dialect, shape, 'WALK'),
          )})`;
    return statement((queries: Queries) =>
      queries.select({ count }).from(from).where(and(where, passes)).prepare(unnamed),
    );
  }
  const where = and(ofAccount(dialect), isFrom(dialect, shape, source));
  return statement((queries: Queries) => queries.select({ count }).from(registry).where(where).prepare(unnamed));
}

function buildPlace(dialect: Dialect, shape: PageShape) {
  const { registry } = dialect.tables;
  const key = keyColumns(registry, shape.field);
  const order = shape.ascending ? asc : desc;
  return statement((queries) =>
    queries
      .select({ value: sql<string | number>`${key[0]}`, id: registry.id })
      .from(registry)
      .where(inRange(dialect, shape))
      .orderBy(...key.map((column) => order(column)))
      .limit(sql`1` as unknown as number)
      .offset(sql.placeholder('rows'))
      .prepare(unnamed),
  );
}

function buildFilteredIds(dialect: Dialect, shape: PageShape) {
  const { registry } = dialect.tables;
  return statement((queries) =>
    queries
      .select({ id: registry.id })
      .from(registry)
      .where(and(ofAccount(dialect), passesFilters(dialect, shape, 'ANY')))
      .limit(sql.placeholder('limit'))
      .prepare(unnamed),
  );
}

function buildFoundIds(dialect: Dialect, shape: PageShape) {
  const { registry, registrySearch } = dialect.tables;
  const { from, where } = foundTexts(dialect, shape.search);
  const row = and(eq(registry.id, registrySearch.registryId), passesFilters(dialect, shape, 'WALK'));
  const passes = shape.filters.length === 0 ? undefined : sql`EXISTS (SELECT 1 FROM ${registry} WHERE ${row})`;
  return statement((queries) =>
    queries
      .select({ id: sql<string>`${registrySearch.registryId}` })
      .from(from)
      .where(and(where, passes))
      .limit(sql.placeholder('limit'))
      .prepare(unnamed),
  );
}

function buildTextAfter({ tables: { registrySearch } }: Dialect) {
  return statement((queries) =>
    queries
      .select({ number: registrySearch.number })
      .from(registrySearch)
      .limit(sql`1` as unknown as number)
      .offset(sql.placeholder('than'))
      .prepare(unnamed),
  );
}

/** @param source for a list of IDs, the account must not choose the index: each ID is to be looked up. */
function ofAccount(dialect: Dialect, source: Source = 'ANY'): SQL {
  const { account } = dialect.tables.registry;
  return sql`${source === 'IDS' ? dialect.unindexed(account) : account} = ${given('account')}`;
}

function inRange(dialect: Dialect, shape: PageShape, source: Source = 'ANY'): SQL | undefined {
  const key = keyColumns(dialect.tables.registry, shape.field);
  return and(
    ofAccount(dialect, source),
    shape.above ? beyond(key, '>', 'above') : undefined,
    shape.below ? beyond(key, '<', 'below') : undefined,
  );
}

/** The column of the order, and the ID that breaks ties. The registry pattern needs no ID, because it is unique in the account. */
function keyColumns(registry: Tables['registry'], field: RegistryOrderField): [Column] | [Column, Column] {
  switch (field) {
    case 'REGISTRY':
      return [registry.registry];
    case 'NAME':
      return [registry.nameKey, registry.id];
    case 'CREATED_AT':
      return [registry.createdAt, registry.id];
    case 'UPDATED_AT':
      return [registry.updatedAt, registry.id];
  }
}

function beyond([column, id]: [Column] | [Column, Column], sign: '>' | '<', side: 'above' | 'below'): SQL {
  const operator = sql.raw(sign);
  return id === undefined
    ? sql`${column} ${operator} ${given(`${side}Value`)}`
    : sql`(${column}, ${id}) ${operator} (${given(`${side}Value`)}, ${given(`${side}Id`)})`;
}

/** True for the rows of a source that pass the filters and the search. */
function isFrom(dialect: Dialect, shape: PageShape, source: Source): SQL | undefined {
  const { registry, registrySearch } = dialect.tables;
  const passes = passesFilters(dialect, shape, source);
  if (source === 'IDS') return and(dialect.isOneOf(registry.id, given('ids')), passes, hasFoundText(dialect, shape));
  if (source === 'WALK') return and(passes, hasFoundText(dialect, shape));
  if (shape.search === 'NONE') {
    if (source === 'ANY') return passes;
    const filtered = sql`SELECT ${registry.id} FROM ${registry} WHERE ${and(ofAccount(dialect), passesFilters(dialect, shape, 'ANY'))}`;
    return sql`${dialect.unindexed(registry.id)} IN (${filtered})`;
  }
  const { from, where } = foundTexts(dialect, shape.search);
  const ids = sql`SELECT ${registrySearch.registryId} FROM ${from} WHERE ${where}`;
  return and(passes, sql`${dialect.unindexed(registry.id)} IN (${ids})`);
}

/** One look at the text of each row. */
function hasFoundText(dialect: Dialect, { search }: PageShape): SQL | undefined {
  if (search === 'NONE') return undefined;
  const { registry, registrySearch } = dialect.tables;
  return sql`EXISTS (SELECT 1 FROM ${registrySearch} WHERE ${and(eq(registrySearch.registryId, registry.id), isFound(dialect))})`;
}

/** @param source for a walk, the filters must not choose the index: that of the order is to drive it. */
function passesFilters(dialect: Dialect, { filters }: PageShape, source: Source): SQL | undefined {
  const { registry } = dialect.tables;
  const column = (key: FilterKey) => (source === 'ANY' ? sql`${registry[key]}` : dialect.unindexed(registry[key]));
  return and(...filters.map((key) => sql`${column(key)} = ${given(key)}`));
}
