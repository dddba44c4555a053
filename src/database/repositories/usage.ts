// Stores the usage of credentials: implements the `UseStore` port in either dialect.

import { desc, eq, sql } from 'drizzle-orm';
import type { CountedUse, UseStore } from '../../core/pulls/usage.ts';
import { type Database, given, type Queries, statement, unnamed } from '../database.ts';
import { storable } from '../schema/rows.ts';

/** Who, image and outcome kept for one registry, the newest: pulls of invented names must not fill the disk. */
export const maxUsesPerRegistry = 1_000;

export function useStore(database: Database): UseStore {
  const { lastUsed, usesOf } = readStatements(database);
  return {
    async addUses(uses) {
      await database.write(async (queries) => {
        await addCounts(database, queries, uses);
        for (const id of new Set(uses.map(({ registryId }) => registryId))) {
          await dropOldest(database, queries, id);
        }
      });
    },
    async lastUsed(registryIds) {
      const rows = await database.read((queries) => lastUsed(queries).execute({ ids: JSON.stringify(registryIds) }));
      return new Map(rows.flatMap(({ id, lastAt }) => (lastAt === null ? [] : [[id, new Date(lastAt)]])));
    },
    async usesOf(registryId, limit) {
      const rows = await database.read((queries) => usesOf(queries).execute({ registryId, limit }));
      return rows.map((row) => ({ ...row, lastAt: new Date(row.lastAt) }));
    },
  };
}

/**
 * One statement for any number of uses. The join leaves out registries that are gone; the order makes two servers
 * that add to the same counts take the rows' locks in one sequence.
 */
async function addCounts(database: Database, queries: Queries, uses: readonly CountedUse[]): Promise<void> {
  const { registryUse: use, registry } = database.tables;
  const text = (key: keyof CountedUse) => sql`entry.value ->> ${sql.raw(`'${key}'`)}`;
  const number = (key: keyof CountedUse) => sql`CAST(${text(key)} AS bigint)`;
  await queries.execute(sql`
    INSERT INTO ${use} (registry_id, registry_version, actor, image, outcome, count, last_at)
    SELECT ${registry}.id, ${number('registryVersion')}, ${text('actor')}, ${text('image')}, ${text('outcome')}, ${number('count')}, ${number('lastAt')}
    FROM ${database.entriesOf(sql`${toJson(uses)}`)}
    JOIN ${registry} ON ${registry}.id = ${text('registryId')}
    WHERE true
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (registry_id, registry_version, actor, image, outcome) DO UPDATE SET
      count = ${use}.count + excluded.count,
      last_at = CASE WHEN excluded.last_at > ${use}.last_at THEN excluded.last_at ELSE ${use}.last_at END`);
}

async function dropOldest(
  { tables: { registryUse: use } }: Database,
  queries: Queries,
  registryId: string,
): Promise<void> {
  await queries.execute(sql`
    DELETE FROM ${use} WHERE registry_id = ${registryId} AND last_at <= (
      SELECT kept.last_at FROM ${use} AS kept WHERE kept.registry_id = ${registryId}
      ORDER BY kept.last_at DESC LIMIT 1 OFFSET ${sql.raw(String(maxUsesPerRegistry))})`);
}

function toJson(uses: readonly CountedUse[]): string {
  return JSON.stringify(uses.map((use) => ({ ...use, actor: storable(use.actor), lastAt: use.lastAt.getTime() })));
}

function readStatements(database: Database) {
  const { registryUse: use, registry } = database.tables;
  const { registryId, registryVersion, actor, image, outcome, count, lastAt } = use;
  const newest = sql<number | null>`(SELECT max(${use}.last_at) FROM ${use} WHERE ${use}.registry_id = ${registry}.id)`;
  return {
    // One index seek for each registry; a GROUP BY would read all of their uses.
    lastUsed: statement((queries) =>
      queries
        .select({ id: registry.id, lastAt: newest.mapWith(Number) })
        .from(registry)
        .where(database.isOneOf(registry.id, given('ids')))
        .prepare(unnamed),
    ),
    usesOf: statement((queries) =>
      queries
        .select({ registryId, registryVersion, actor, image, outcome, count, lastAt })
        .from(use)
        .where(eq(registryId, sql.placeholder('registryId')))
        .orderBy(desc(lastAt))
        .limit(sql.placeholder('limit'))
        .prepare(unnamed),
    ),
  };
}
