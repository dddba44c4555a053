// Before the suites on two replicas: a PostgreSQL server on which each domain makes a database of its own.

import type { TestProject } from 'vitest/node';
import { openStore } from '../../../src/database/store.ts';
import { migrationsDir } from '../../database/harness.ts';
import { connectSql } from '../../support/sql.ts';
import { startPostgres } from './postgres.ts';

export interface DatabaseServer {
  /** `postgres://…`. */
  readonly url: string;
  /** The name of a database that has the tables of Regway and nobody uses, to be copied. */
  readonly template: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** A server on which databases may be made. Nothing is provided where suites run on SQLite. */
    readonly databaseServer: DatabaseServer | undefined;
  }
}

/** Starts the server, and makes the tables once. @returns what stops it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Hundreds of databases are made, and nothing is asked of them that outlives a power cut.
  const server = await startPostgres(['fsync=off']);
  const template = 'regway_template';
  const sql = connectSql(server.url);
  await sql.unsafe(`CREATE DATABASE ${template}`);
  await sql.end();
  const store = await openStore({
    url: Object.assign(new URL(server.url), { pathname: template }).href,
    migrationsDir,
  });
  await store.close();
  project.provide('databaseServer', { url: server.url, template });
  return () => server.stop();
}
