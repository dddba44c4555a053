// Brings a database to the tables of this program, by the files that drizzle-kit generated, in one exclusive transaction.
// Drizzle's own migrator loses child rows when a table is rebuilt, races at start, and does not notice edited files.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asc, sql } from 'drizzle-orm';
import { adminAccount } from '../core/authz/principal.ts';
import type { Database, Migration } from './database.ts';
import { deriveNext, noteDerivation, type Underived } from './derivation.ts';
import { StoreError } from './errors.ts';

/** The log of the store; pino implements it. */
export interface StoreLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn?(fields: Record<string, unknown>, message: string): void;
}

/** How a database is migrated. */
export interface MigrationOptions {
  readonly log?: StoreLog | undefined;
  /** Milliseconds between two checks of a registry; 0 for never. Defaults to those that the database was used with. */
  readonly checkEveryMs?: number | undefined;
}

interface MigrationFile {
  /** Its file name without `.sql`. */
  readonly tag: string;
  /** SHA-256 of its text, in hex. */
  readonly hash: string;
  readonly statements: readonly string[];
}

interface Applied {
  readonly tag: string;
  readonly hash: string;
}

/**
 * Applies what is missing, all or nothing, and adds the admin account. Then fills derived columns, a bounded number of rows in each transaction.
 * An up-to-date database is only read.
 * @param folder The folder that contains the `.sql` files and `meta/_journal.json`.
 * @throws StoreError if the database is newer than this program, a file was edited after it was applied, or a migration fails.
 */
export async function migrate(
  database: Database,
  folder: string,
  { log, checkEveryMs }: MigrationOptions = {},
): Promise<void> {
  let underived: Underived | undefined;
  await database.migrate(async (migration) => {
    const applied = await applyMissing(database, migration, folder, log);
    await addAdminAccount(database, migration);
    underived = await noteDerivation(database, migration.queries, checkEveryMs);
    return { changedTables: applied > 0 };
  });
  while (underived !== undefined) underived = await deriveBatch(database, underived);
}

async function deriveBatch(database: Database, underived: Underived): Promise<Underived | undefined> {
  let left: Underived | undefined;
  await database.migrate(async ({ queries }) => {
    left = await deriveNext(database, queries, underived);
    return { changedTables: false };
  });
  return left;
}

/**
 * Creates the tables like `migrate`, inside a transaction that then uses them.
 * @returns The number of migrations that were missing.
 * @throws as `migrate`.
 */
export async function applyMissing(
  database: Database,
  migration: Migration,
  folder: string,
  log?: StoreLog,
): Promise<number> {
  const files = readMigrations(folder);
  await migration.run(database.createMigrationTable);
  const applied = await readApplied(migration);
  refuseStrangers(files, applied);
  const missing = files.slice(applied.length);
  for (const file of missing) {
    await apply(migration, file);
    log?.info({ migration: file.tag }, 'migrated the database');
  }
  return missing.length;
}

/**
 * Returns how many migrations of a folder a database lacks. Writes nothing.
 * @throws StoreError if the database is newer than this program, has another history, or is not a Regway database.
 */
export async function countMissing(database: Database, folder: string): Promise<number> {
  const files = readMigrations(folder);
  const applied = await database.read(async (queries) => {
    if (!(await database.hasTable(queries, 'schema_migration')))
      throw new StoreError('This is not a Regway database: it contains no migration of this program.');
    return await readApplied({ queries });
  });
  refuseStrangers(files, applied);
  return files.length - applied.length;
}

function readMigrations(folder: string): MigrationFile[] {
  const journal = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8')) as {
    entries: { tag: string }[];
  };
  return journal.entries.map(({ tag }) => {
    const text = readFileSync(join(folder, `${tag}.sql`), 'utf8');
    const statements = text.split('--> statement-breakpoint').filter((statement) => statement.trim() !== '');
    return { tag, hash: createHash('sha256').update(text).digest('hex'), statements };
  });
}

async function readApplied({ queries }: Pick<Migration, 'queries'>): Promise<Applied[]> {
  const { tag, hash } = { tag: sql<string>`tag`, hash: sql<string>`hash` };
  return await queries
    .select({ tag, hash })
    .from(sql`schema_migration`)
    .orderBy(asc(sql`position`));
}

function refuseStrangers(files: readonly MigrationFile[], applied: readonly Applied[]): void {
  for (const [position, { tag, hash }] of applied.entries()) {
    const file = files[position];
    if (file === undefined) {
      throw new StoreError(
        `The database is newer than this program: it has the migration ${tag}. Run the version that made it, or a later one.`,
      );
    }
    if (file.tag !== tag) {
      throw new StoreError(
        `The database has the migration ${tag} where this program has ${file.tag}: they are not of one history.`,
      );
    }
    if (file.hash !== hash) {
      throw new StoreError(`The migration ${tag} was edited after it was applied to this database; restore the file.`);
    }
  }
}

async function apply(migration: Migration, { tag, hash, statements }: MigrationFile): Promise<void> {
  try {
    for (const statement of statements) {
      await migration.run(statement);
    }
  } catch (error) {
    throw new StoreError(`The migration ${tag} failed, and nothing of it was kept.`, { cause: error });
  }
  await migration.queries.execute(
    sql`INSERT INTO schema_migration (tag, hash, applied_at) VALUES (${tag}, ${hash}, ${Date.now()})`,
  );
}

async function addAdminAccount({ tables: { account } }: Database, { queries }: Migration): Promise<void> {
  const found = await queries.select({ name: account.name }).from(account).limit(1);
  if (found.length === 0) {
    await queries.insert(account).values({ name: adminAccount, createdAt: Date.now() });
  }
}
