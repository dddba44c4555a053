// Finds the most specific registry of an image: of some registry patterns, most specific first, the first that an account has.

import { and, eq, sql } from 'drizzle-orm';
import { mostSpecific } from '../../core/registry/match.ts';
import type { RegistryStore } from '../../core/registry/store.ts';
import type { BuildSelect, Database, ReadRows } from '../database.ts';
import { type RegistryColumns, type RegistryRow, toComparedRegistry } from '../schema/rows.ts';

/** A path has two to five levels; each more is one more part of a statement that is kept. */
const maxParts = 8;
/** The names of the placeholders: to build them again for each read takes twice as long as to fill them in. */
const textNames = Array.from({ length: maxParts }, (_, index) => `text${index}`);

/**
 * On SQLite one keyed read for each text, up to the first that finds something: it runs the parts of a UNION ALL in their order, and no
 * further than the limit. Elsewhere, and for deeper paths, all of the texts are read.
 * @param columns of a registry, as lists and gets read them.
 */
export function findMostSpecific(
  database: Database,
  columns: RegistryColumns,
  byTexts: RegistryStore['byTexts'],
): RegistryStore['findMostSpecific'] {
  const reads = textNames.map((_, last) => firstOf(database, columns, textNames.slice(0, last + 1)));
  return async (account, texts) => {
    const first = reads[texts.length - 1];
    if (first === undefined) return mostSpecific(texts, await byTexts(account, texts)) ?? undefined;
    const values: Record<string, unknown> = { account };
    for (const [index, name] of first.names.entries()) values[name] = texts[index];
    const [row] = await first.read(values);
    return row && toComparedRegistry(row);
  };
}

interface First {
  /** One for each text. */
  readonly names: readonly string[];
  readonly read: ReadRows<RegistryRow>;
}

function firstOf(database: Database, columns: RegistryColumns, names: readonly string[]): First | undefined {
  const { registry } = database.tables;
  const build: BuildSelect<RegistryRow> = (queries) => {
    const withText = (name: string) =>
      queries
        .select(columns)
        .from(registry)
        .where(and(eq(registry.account, sql.placeholder('account')), eq(registry.registry, sql.placeholder(name))))
        .$dynamic();
    const union = names.map(withText).reduce((parts, part) => parts.unionAll(part));
    // Written into the statement: with a placeholder SQLite takes three times as long.
    return union.limit(sql`1` as unknown as number);
  };
  const read = database.preparedReads?.registries(build);
  return read && { names, read };
}
