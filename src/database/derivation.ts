// Fills the columns that are derived from registries, for rows that an older version or another program wrote: sort keys, search texts, and next checks.

import { and, asc, count, gt, notExists, sql } from 'drizzle-orm';
import { nameKey, searchText } from '../core/registry/search.ts';
import type { ValidationReport } from '../core/registry/report.ts';
import { defaultEveryMs, dueAt } from '../core/validation/schedule.ts';
import type { Database, Queries } from './database.ts';

/** Increase it whenever a rule of the derivation changes: every row is then derived again. */
const derivationVersion = 1;

/** Rows in one transaction and one statement, of about 1 KiB each. */
const batchSize = 1_000;

/** What is left to derive: all rows, or those that another program wrote. */
export interface Underived {
  readonly rows: 'ALL' | 'MISSING';
  /** The ID up to which they are derived. */
  readonly after: string;
}

/**
 * Compares how rows are to be derived with how they were, and notes it in the database if that changed. Otherwise nothing is written.
 * @param queries the transaction of the migration.
 * @param everyMs milliseconds between two checks of a registry. Defaults to those that the rows were derived for.
 */
export async function noteDerivation(
  database: Database,
  queries: Queries,
  everyMs?: number,
): Promise<Underived | undefined> {
  const { derivation } = database.tables;
  const [known] = await queries.select().from(derivation);
  const checkEveryMs = everyMs ?? known?.checkEveryMs ?? defaultEveryMs;
  const wanted = { version: derivationVersion, checkEveryMs, derivedTo: '' };
  if (known === undefined) await queries.insert(derivation).values({ id: 1, ...wanted });
  else if (known.version !== derivationVersion || known.checkEveryMs !== checkEveryMs)
    await queries.update(derivation).set(wanted);
  else if (known.derivedTo === null)
    return (await isIncomplete(database, queries)) ? { rows: 'MISSING', after: '' } : undefined;
  return { rows: 'ALL', after: known?.derivedTo ?? '' };
}

/**
 * Derives the next rows. The place is stored with them, so that a start that was interrupted goes on from there.
 * @param queries a transaction that no other process derives in at the same time.
 * @returns what is left then.
 */
export async function deriveNext(
  database: Database,
  queries: Queries,
  { rows, after }: Underived,
): Promise<Underived | undefined> {
  const { derivation } = database.tables;
  const [known] = await queries.select().from(derivation);
  if (known === undefined) return undefined;
  const { checkEveryMs, derivedTo } = known;
  if (rows === 'MISSING') {
    const last = await deriveBatch(database, queries, { rows, after, checkEveryMs });
    return last === undefined ? undefined : { rows, after: last };
  }
  // Another process has derived the rest.
  if (derivedTo === null) return undefined;
  const last = await deriveBatch(database, queries, { rows, after: derivedTo, checkEveryMs });
  await queries.update(derivation).set({ derivedTo: last ?? null });
  return last === undefined ? undefined : { rows, after: last };
}

/** A row without a search text was not written by this version. */
async function isIncomplete({ tables: { registry, registrySearch } }: Database, queries: Queries): Promise<boolean> {
  const [rows] = await queries.select({ count: count() }).from(registry);
  const [texts] = await queries.select({ count: count() }).from(registrySearch);
  return rows?.count !== texts?.count;
}

interface Batch extends Underived {
  readonly checkEveryMs: number;
}

/** Derives one batch. Returns the ID of its last row, or undefined if no rows are left after it. */
async function deriveBatch(
  database: Database,
  queries: Queries,
  { rows: which, after, checkEveryMs }: Batch,
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
    .where(and(gt(id, after), which === 'MISSING' ? notExists(hasText) : undefined))
    .orderBy(asc(id))
    // Another server may serve the database, and must not rename a row between its read and its write here.
    .limit(sql`${batchSize} ${database.heldToTheEnd}` as unknown as number);
  const derived = rows.map((row) => ({
    id: row.id,
    account: row.account,
    nameKey: nameKey(row.name),
    nextCheckAt: dueAt({ id: row.id, lastValidation: reportOf(row.lastValidation) }, checkEveryMs) ?? null,
    text: searchText(row),
  }));
  if (derived.length > 0) await writeBatch(database, queries, JSON.stringify(derived));
  return derived.length < batchSize ? undefined : derived.at(-1)?.id;
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
