// Stores the usage of credentials: implements the `UseStore` port in either dialect.

import { and, asc, desc, eq, gt, lt, lte, or, sql } from 'drizzle-orm';
import type { CountedUse, UseKey, UseStore } from '../../core/pulls/usage/uses.ts';
import { type Database, given, type Queries, statement, unnamed } from '../database.ts';
import { maxAheadMs, storable } from '../schema/rows.ts';

/** Maximum number of counts that are stored for one registry: pulls of invented names must not fill the disk. */
export const maxUsesPerRegistry = 1_000;

/** More rows than one batch can add, because a LIMIT must be a number. */
const maxExcess = 1_000_000;

/** Names the lock of the process that deletes old counts. Any number that nothing else in the database uses. */
const retentionLock = 125_779_853;

/** The key before the first count of every registry. */
const beforeAll: UseKey = { lastAt: new Date(8.64e15), registryVersion: 0, actor: '', image: '', outcome: '' };

export function useStore(database: Database): UseStore {
  const { lastUsed, usesOf } = readStatements(database);
  return {
    async addUses(uses) {
      await database.write(async (queries) => {
        await addCounts(database, queries, uses);
        const ids = [...new Set(uses.map(({ registryId }) => registryId))];
        await Promise.all(ids.map((id) => dropExcess(database, queries, id)));
      });
    },
    async lastUsed(registryIds) {
      const rows = await database.read((queries) => lastUsed(queries).execute({ ids: JSON.stringify(registryIds) }));
      return new Map(rows.flatMap(({ id, lastAt }) => (lastAt === null ? [] : [[id, new Date(lastAt)]])));
    },
    async usesOf(registryId, limit, after = beforeAll) {
      const { registryVersion, image, outcome } = after;
      const key = { registryVersion, image, outcome, actor: storable(after.actor), lastAt: after.lastAt.getTime() };
      const rows = await database.read((queries) => usesOf(queries).execute({ registryId, limit, ...key }));
      return rows.map((row) => ({ ...row, lastAt: new Date(row.lastAt) }));
    },
    async registriesUsedBefore(before, afterId, limit) {
      const { registry, registryUse: use } = database.tables;
      // One index seek for each registry.
      const isOld = sql`EXISTS (SELECT 1 FROM ${use} WHERE ${use.registryId} = ${registry.id} AND ${use.lastAt} < ${before.getTime()})`;
      const rows = await database.read((queries) =>
        queries
          .select({ id: registry.id })
          .from(registry)
          .where(and(gt(registry.id, afterId), isOld))
          .orderBy(asc(registry.id))
          .limit(limit),
      );
      return rows.map(({ id }) => id);
    },
    deleteUsesBefore: (registryId, before) =>
      database.write(async (queries) =>
        (await database.tryLock(queries, retentionLock))
          ? deleteBefore(database, queries, registryId, before)
          : undefined,
      ),
  };
}

/** Deletes the old counts of a registry, except those to which uses are added just now. Waiting for these could end in a deadlock. */
async function deleteBefore(
  { tables: { registryUse: use }, exceptLocked }: Database,
  queries: Queries,
  registryId: string,
  before: Date,
): Promise<number> {
  const isOld = and(eq(use.registryId, registryId), lt(use.lastAt, before.getTime()));
  const key = sql`(${use.registryVersion}, ${use.actor}, ${use.image}, ${use.outcome})`;
  const free = sql`(SELECT registry_version, actor, image, outcome FROM ${use} WHERE ${isOld} ${exceptLocked})`;
  const deleted = await queries
    .delete(use)
    .where(and(isOld, sql`${key} IN ${free}`))
    .returning({ count: use.count });
  return deleted.length;
}

/**
 * Adds any number of uses in one statement. The join omits deleted registries; the order makes two servers
 * that add to the same counts lock the rows in the same sequence.
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
      last_at = CASE WHEN ${use}.last_at BETWEEN excluded.last_at AND excluded.last_at + ${sql.raw(String(maxAheadMs))} THEN ${use}.last_at ELSE excluded.last_at END`);
}

/**
 * Deletes what exceeds the limit: from the actor with the most counts, and of these first older counts of an image that has a newer one. So no
 * actor can displace the counts of another.
 */
async function dropExcess(
  { tables: { registryUse: use } }: Database,
  queries: Queries,
  registryId: string,
): Promise<void> {
  const isOfRegistry = eq(use.registryId, registryId);
  const limit = sql.raw(String(maxUsesPerRegistry));
  await queries.execute(sql`
    DELETE FROM ${use} WHERE ${isOfRegistry}
    AND (SELECT count(*) FROM ${use} WHERE ${isOfRegistry}) > ${limit}
    AND (registry_version, actor, image, outcome) IN (
      SELECT registry_version, actor, image, outcome FROM (
        SELECT registry_version, actor, image, outcome, last_at,
          row_number() OVER (PARTITION BY actor ORDER BY CASE WHEN of_image = 1 THEN 0 ELSE 1 END, last_at DESC) AS of_actor
        FROM (
          SELECT registry_version, actor, image, outcome, last_at,
            row_number() OVER (PARTITION BY actor, image ORDER BY last_at DESC) AS of_image
          FROM ${use} WHERE ${isOfRegistry}
        ) AS by_image
      ) AS by_actor
      ORDER BY of_actor, last_at DESC LIMIT ${sql.raw(String(maxExcess))} OFFSET ${limit})`);
}

function toJson(uses: readonly CountedUse[]): string {
  return JSON.stringify(uses.map((use) => ({ ...use, actor: storable(use.actor), lastAt: use.lastAt.getTime() })));
}

function readStatements(database: Database) {
  const { registryUse: use, registry } = database.tables;
  const { registryId, registryVersion, actor, image, outcome, count, lastAt } = use;
  const newest = sql<number | null>`(SELECT max(${use}.last_at) FROM ${use} WHERE ${use}.registry_id = ${registry}.id)`;
  const at = sql.placeholder('lastAt');
  // The first condition lets the index find the start of the page.
  const isAfter = and(
    lte(lastAt, at),
    or(
      lt(lastAt, at),
      sql`(${registryVersion}, ${actor}, ${image}, ${outcome}) > (${given('registryVersion')}, ${given('actor')}, ${given('image')}, ${given('outcome')})`,
    ),
  );
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
        .where(and(eq(registryId, sql.placeholder('registryId')), isAfter))
        .orderBy(desc(lastAt), asc(registryVersion), asc(actor), asc(image), asc(outcome))
        .limit(sql.placeholder('limit'))
        .prepare(unnamed),
    ),
  };
}
