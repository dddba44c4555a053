// The lookup behind every image: of some registry texts, the most specific first, the first that an account has.

import { and, eq, sql } from 'drizzle-orm';

import { mostSpecific } from '../core/match.ts';
import type { RegistryStore } from '../core/ports.ts';
import type { Database, ReadRows, Select } from './database.ts';
import { type RegistryRow, toComparedRegistry } from './rows.ts';
import type { Tables } from './tables.ts';

type Columns = Pick<Tables['registry']['_']['columns'], keyof RegistryRow>;

/** A path has two to five levels; each more is one more part of a statement that is kept. */
const maxParts = 8;
/** Of the placeholders. Spelled anew for each read they take twice as long to fill. */
const textNames = Array.from({ length: maxParts }, (_, index) => `text${index}`);

/**
 * On SQLite one keyed read for each text, up to the first that finds something: it runs the parts of a UNION ALL in their order, and no
 * further than the limit. Elsewhere, and for deeper paths, all of the texts are read.
 * @param columns of a registry, as lists and gets read them.
 */
export function firstByTexts(database: Database, columns: Columns, byTexts: RegistryStore['byTexts']): RegistryStore['firstByTexts'] {
  const reads = textNames.map((_, last) => firstOf(database, columns, textNames.slice(0, last + 1)));
  return async (account, texts) => {
    const read = reads[texts.length - 1];
    if (read === undefined) return mostSpecific(texts, await byTexts(account, texts)) ?? undefined;
    const values: Record<string, unknown> = { account };
    for (let index = 0; index < texts.length; index += 1) values[textNames[index] ?? ''] = texts[index];
    const [row] = await read(values);
    return row && toComparedRegistry(row);
  };
}

function firstOf(database: Database, columns: Columns, [first = '', ...others]: readonly string[]): ReadRows<RegistryRow> | undefined {
  const { registry } = database.tables;
  const select: Select<RegistryRow> = (queries) => {
    const withText = (name: string) =>
      queries
        .select(columns)
        .from(registry)
        .where(and(eq(registry.account, sql.placeholder('account')), eq(registry.registry, sql.placeholder(name))))
        .$dynamic();
    let union = withText(first);
    for (const name of others) union = union.unionAll(withText(name));
    // Written into the statement: with a placeholder SQLite takes three times as long.
    return union.limit(sql`1` as unknown as number).prepare(`registry_first_${others.length + 1}`);
  };
  return database.rowsDirectly?.(columns, select);
}
