// Reads keyset pages and counts of registries: one prepared statement for each shape of query, built at its first use.

import { and, asc, type Column, desc, eq, or, sql, type SQL } from 'drizzle-orm';
import type { Registry } from '../../core/registry/registry.ts';
import type { PageQuery, Position, RegistryFilter, RegistryOrderField } from '../../core/registry/store.ts';
import {
  type BuildSelect,
  type Database,
  type Dialect,
  given,
  type Queries,
  type ReadRows,
  registryReads,
  statement,
  unnamed,
} from '../database.ts';
import { type RegistryColumns, type RegistryRow, toRegistry } from '../schema/rows.ts';
import type { Tables } from '../schema/tables.ts';

/** The properties by which statements differ; at most 512 combinations. */
interface PageShape {
  readonly field: RegistryOrderField;
  readonly ascending: boolean;
  /** Whether rows below, and above, a position are left out. */
  readonly above: boolean;
  readonly below: boolean;
  readonly filters: readonly (keyof RegistryFilter)[];
}

export interface RegistryPages {
  page(query: PageQuery): Promise<Registry[]>;
  count(account: string, filter: RegistryFilter): Promise<number>;
}

/** @param columns The columns to read, without the secrets. */
export function registryPages(database: Database, columns: RegistryColumns): RegistryPages {
  const pages = new Map<string, ReadRows<RegistryRow>>();
  const counts = new Map<string, ReturnType<typeof prepareCount>>();
  return {
    async page(query) {
      const { shape, values } = planPage(query);
      const read = getOrMake(pages, JSON.stringify(shape), () =>
        registryReads(database, buildPage(database, columns, shape)),
      );
      const rows = await read(values);
      const registries = rows.map(toRegistry);
      return query.forward ? registries : registries.toReversed();
    },
    async count(account, filter) {
      const filters = usedFilters(filter);
      const prepared = getOrMake(counts, filters.join(), () => prepareCount(database, filters));
      const [row] = await database.read((queries) => prepared(queries).execute({ account, ...filterValues(filter) }));
      return row?.count ?? 0;
    },
  };
}

/** Maps "after" and "before" in either direction to "above" and "below", read from the end that was requested. */
function planPage(query: PageQuery): { shape: PageShape; values: Record<string, unknown> } {
  const rising = query.direction === 'ASC';
  const [above, below] = rising ? [query.after, query.before] : [query.before, query.after];
  const shape = {
    field: query.field,
    ascending: rising === query.forward,
    above: above !== null,
    below: below !== null,
    filters: usedFilters(query.filter),
  };
  const values = { account: query.account, limit: query.limit, ...filterValues(query.filter) };
  return { shape, values: { ...values, ...positionValues('above', above), ...positionValues('below', below) } };
}

function positionValues(side: 'above' | 'below', position: Position | null): Record<string, unknown> {
  return position === null ? {} : { [`${side}Value`]: position.value, [`${side}Id`]: position.id };
}

function buildPage(dialect: Dialect, columns: RegistryColumns, shape: PageShape): BuildSelect<RegistryRow> {
  const { registry } = dialect.tables;
  const key = keyColumns(registry, shape.field);
  const order = shape.ascending ? asc : desc;
  const where = and(
    eq(registry.account, sql.placeholder('account')),
    ...shape.filters.map((filter) => filterCondition(dialect, filter)),
    shape.above ? beyond(key, '>', 'above') : undefined,
    shape.below ? beyond(key, '<', 'below') : undefined,
  );
  return (queries) =>
    queries
      .select(columns)
      .from(registry)
      .where(where)
      .orderBy(...key.map((column) => order(column)))
      .limit(sql.placeholder('limit'));
}

function prepareCount(dialect: Dialect, filters: readonly (keyof RegistryFilter)[]) {
  const { registry } = dialect.tables;
  const where = and(
    eq(registry.account, sql.placeholder('account')),
    ...filters.map((filter) => filterCondition(dialect, filter)),
  );
  const count = sql`count(*)`.mapWith(Number);
  return statement((queries: Queries) => queries.select({ count }).from(registry).where(where).prepare(unnamed));
}

/** The column of the order, and the ID that breaks ties. The registry pattern needs no ID, because it is unique in the account. */
function keyColumns(registry: Tables['registry'], field: RegistryOrderField): [Column] | [Column, Column] {
  switch (field) {
    case 'REGISTRY':
      return [registry.registry];
    case 'NAME':
      return [registry.name, registry.id];
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

function filterCondition(dialect: Dialect, filter: keyof RegistryFilter): SQL | undefined {
  const { registry } = dialect.tables;
  if (filter === 'search') {
    return or(
      ...[registry.registry, registry.name, registry.username].map((column) =>
        dialect.contains(column, given('search')),
      ),
    );
  }
  return eq(registry[filter], sql.placeholder(filter));
}

function usedFilters(filter: RegistryFilter): (keyof RegistryFilter)[] {
  return (['search', 'host', 'type', 'outcome'] as const).filter((key) => filter[key] !== undefined);
}

/** Ignores case only in ASCII, because SQLite's lower() and PostgreSQL's in byte order know no more. */
function filterValues(filter: RegistryFilter): Record<string, unknown> {
  return { ...filter, search: filter.search?.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) };
}

function getOrMake<T>(made: Map<string, T>, key: string, make: () => T): T {
  let found = made.get(key);
  if (found === undefined) {
    found = make();
    made.set(key, found);
  }
  return found;
}
