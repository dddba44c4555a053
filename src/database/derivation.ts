// Fills the columns that are derived from registries, for rows that an older version or another program wrote: sort keys, search texts, and next checks.

import { and, asc, count, gt, notExists, sql } from 'drizzle-orm';
import { nameKey, searchText } from '../core/registry/search.ts';
import type { ValidationReport } from '../core/registry/report.ts';
import { defaultEveryMs, dueAt } from '../core/validation/schedule.ts';
import type { Database, Queries } from './database.ts';

/** Increase it whenever a rule of the derivation changes: every row is then derived again. */
const derivationVersion = 1;

/** Rows in one statement, of about 1 KiB each. */
const batchSize = 1_000;

/**
 * Derives what is missing, or everything if the rules or the interval changed since. Otherwise nothing is written.
 * @param queries the transaction of the migration.
 * @param everyMs milliseconds between two checks of a registry. Defaults to those that the rows were derived for.
 */
export async function deriveColumns(database: Database, queries: Queries, everyMs?: number): Promise<void> {
  const { derivation } = database.tables;
  const [known] = await queries.select().from(derivation);
  const checkEveryMs = everyMs ?? known?.checkEveryMs ?? defaultEveryMs;
  const isCurrent = known?.version === derivationVersion && known.checkEveryMs === checkEveryMs;
  if (isCurrent && !(await isIncomplete(database, queries))) return;
  let after: string | undefined = '';
  while (after !== undefined) after = await deriveBatch(database, queries, { after, checkEveryMs, isCurrent });
  if (known === undefined) await queries.insert(derivation).values({ id: 1, version: derivationVersion, checkEveryMs });
  else if (!isCurrent) await queries.update(derivation).set({ version: derivationVersion, checkEveryMs });
}

/** A row without a search text was not written by this version. */
async function isIncomplete({ tables: { registry, registrySearch } }: Database, queries: Queries): Promise<boolean> {
  const [rows] = await queries.select({ count: count() }).from(registry);
  const [texts] = await queries.select({ count: count() }).from(registrySearch);
  return rows?.count !== texts?.count;
}

interface Batch {
  /** The ID of the last row of the previous batch. */
  readonly after: string;
  readonly checkEveryMs: number;
  /** Whether rows that were derived before stay as they are. */
  readonly isCurrent: boolean;
}

/** Derives the next rows. Returns the ID of the last, or undefined if there were none. */
async function deriveBatch(
  database: Database,
  queries: Queries,
  { after, checkEveryMs, isCurrent }: Batch,
): Promise<string | undefined> {
  const { registry, registrySearch } = database.tables;
  const { id, account, registry: pattern, name, username, lastValidation } = registry;
  const hasText = queries
    .select({ number: registrySearch.number })
    .from(registrySearch)
    .where(sql`${registrySearch.registryId} = ${id}`);
  const rows = await queries
    .select({ id, account, registry: pattern, name, username, lastValidation })
    .from(registry)
    .where(and(gt(id, after), isCurrent ? notExists(hasText) : undefined))
    .orderBy(asc(id))
    .limit(batchSize);
  const derived = rows.map((row) => ({
    id: row.id,
    account: row.account,
    nameKey: nameKey(row.name),
    nextCheckAt: dueAt({ id: row.id, lastValidation: reportOf(row.lastValidation) }, checkEveryMs) ?? null,
    text: searchText(row),
  }));
  if (derived.length > 0) await writeBatch(database, queries, JSON.stringify(derived));
  return derived.at(-1)?.id;
}

function reportOf(json: string | null): ValidationReport | null {
  return json === null ? null : (JSON.parse(json) as ValidationReport);
}

async function writeBatch(database: Database, queries: Queries, json: string): Promise<void> {
  const { registry, registrySearch } = database.tables;
  const text = (key: string) => sql`entry.value ->> ${sql.raw(`'${key}'`)}`;
  await queries.execute(sql`
    UPDATE ${registry} SET name_key = ${text('nameKey')}, next_check_at = CAST(${text('nextCheckAt')} AS bigint)
    FROM ${database.entriesOf(sql`${json}`)}
    WHERE ${registry}.id = ${text('id')}`);
  await queries.execute(sql`
    INSERT INTO ${registrySearch} (registry_id, account, text)
    SELECT ${text('id')}, ${text('account')}, ${text('text')} FROM ${database.entriesOf(sql`${json}`)}
    WHERE true
    ON CONFLICT (registry_id) DO UPDATE SET text = excluded.text WHERE ${registrySearch}.text <> excluded.text`);
}
