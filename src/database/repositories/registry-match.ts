// Finds the most specific registry of an image: of some registry patterns, most specific first, the first that an account has.

import { and, eq, sql } from 'drizzle-orm';
import { mostSpecific } from '../../core/registry/match.ts';
import type { RegistryStore } from '../../core/registry/store.ts';
import type { BuildSelect, Database, ReadRows } from '../database.ts';
import { type RegistryColumns, type RegistryRow, toComparedRegistry } from '../schema/rows.ts';

/** Patterns per statement. An image path has two to five levels; each further level adds a part to the prepared statements. */
const maxParts = 8;
/** The names of the placeholders. Building them for each read would take twice as long as filling them in. */
const patternNames = Array.from({ length: maxParts }, (_, index) => `pattern${index}`);

/**
 * On SQLite, runs one keyed read per pattern up to the first that finds a row: SQLite runs the parts of a UNION ALL in order, and stops at
 * the limit. On PostgreSQL, and for deeper paths, reads the registries of all patterns.
 * @param columns The columns of a registry that lists and gets read.
 */
export function findMostSpecific(
  database: Database,
  columns: RegistryColumns,
  byPatterns: RegistryStore['byPatterns'],
): RegistryStore['findMostSpecific'] {
  const reads = patternNames.map((_, last) => firstOf(database, columns, patternNames.slice(0, last + 1)));
  return async (account, patterns) => {
    const first = reads[patterns.length - 1];
    if (first === undefined) return mostSpecific(patterns, await byPatterns(account, patterns)) ?? undefined;
    const values: Record<string, unknown> = { account };
    for (const [index, name] of first.names.entries()) values[name] = patterns[index];
    const [row] = await first.read(values);
    return row && toComparedRegistry(row);
  };
}

interface First {
  /** One for each pattern. */
  readonly names: readonly string[];
  readonly read: ReadRows<RegistryRow>;
}

function firstOf(database: Database, columns: RegistryColumns, names: readonly string[]): First | undefined {
  const { registry } = database.tables;
  const build: BuildSelect<RegistryRow> = (queries) => {
    const withPattern = (name: string) =>
      queries
        .select(columns)
        .from(registry)
        .where(and(eq(registry.account, sql.placeholder('account')), eq(registry.registry, sql.placeholder(name))))
        .$dynamic();
    const union = names.map(withPattern).reduce((parts, part) => parts.unionAll(part));
    // Written into the statement: with a placeholder SQLite takes three times as long.
    return union.limit(sql`1` as unknown as number);
  };
  const read = database.preparedReads?.registries(build);
  return read && { names, read };
}
