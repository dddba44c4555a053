// Defines the database under test for the store's laws, so that one suite runs on each database.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createReadiness } from '../../src/app/wiring/readiness.ts';
import { openStore, type Store, type StoreOptions } from '../../src/database/store.ts';
import { sampleMac } from './samples.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

/** A new, empty, migrated database with a store on it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Opens one more store on the same database, with other migrations. */
  openAgain(migrationsDir: string, checkKeys?: StoreOptions['checkKeys']): Promise<Store>;
  /** Runs SQL behind the store's back. */
  execute(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Makes every insert of an audit event fail from now on. */
  refuseAudit(): Promise<void>;
  close(): Promise<void>;
}

export interface Harness {
  readonly dialect: 'sqlite' | 'postgres';
  create(): Promise<StoreUnderTest>;
}

export const migrationsDir = join(import.meta.dirname, '../../drizzle');

/** Opens a store that may be changed. */
export async function openStarted(
  url: string,
  folder = migrationsDir,
  checkKeys?: StoreOptions['checkKeys'],
  owned = false,
): Promise<Store> {
  return await started(await openStore({ url, migrationsDir: folder, checkKeys, owned }));
}

/** Returns whether a server on a store would be ready, within 2 s. */
export async function isReady(store: Pick<Store, 'access'>): Promise<boolean> {
  const failures = { observe: () => undefined, noteAnswer: () => undefined, current: () => undefined };
  return (await createReadiness({ store, failures, now: () => new Date() }).failedChecks()).length === 0;
}

/** Starts the audit chain of a store. */
export async function started(store: Store): Promise<Store> {
  await store.audit.start(sampleMac);
  return store;
}

/** A trigger that fails, for PostgreSQL's dialect. */
export const postgresRefuseAudit = `
  CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
  CREATE TRIGGER refuse_audit BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_audit();`;

/** A directory that is gone when the test is. @param where As `makeTemporaryDirectory`. */
export function temporaryDirectory(where?: 'disk' | 'memory'): Disposable & { readonly path: string } {
  const path = makeTemporaryDirectory('store', where);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A copy of the project's migrations, to be changed. */
export function copiedMigrations(dialect: Harness['dialect']) {
  const directory = temporaryDirectory();
  const folder = join(directory.path, dialect);
  cpSync(migrationsDir, directory.path, { recursive: true });
  const journalPath = join(folder, 'meta', '_journal.json');
  const readJournal = () => JSON.parse(readFileSync(journalPath, 'utf8')) as { entries: { tag: string }[] };
  return {
    path: directory.path,
    [Symbol.dispose]: () => directory[Symbol.dispose](),
    add(tag: string, statements: readonly string[]): void {
      const journal = readJournal();
      journal.entries.push({ tag });
      writeFileSync(journalPath, JSON.stringify(journal));
      writeFileSync(join(folder, `${tag}.sql`), statements.join('\n--> statement-breakpoint\n'));
    },
    /** As an older version of the program has them. */
    removeLast(): void {
      const journal = readJournal();
      journal.entries.pop();
      writeFileSync(journalPath, JSON.stringify(journal));
    },
    editFirst(): void {
      const path = join(folder, `${readJournal().entries[0]!.tag}.sql`);
      writeFileSync(path, `${readFileSync(path, 'utf8')}\n-- edited\n`);
    },
    renameFirst(tag: string): void {
      const journal = readJournal();
      cpSync(join(folder, `${journal.entries[0]!.tag}.sql`), join(folder, `${tag}.sql`));
      journal.entries[0]!.tag = tag;
      writeFileSync(journalPath, JSON.stringify(journal));
    },
  };
}
