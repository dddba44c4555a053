// Before the suites on two replicas: a PostgreSQL server on which each domain makes a database of its own.

import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `postgres://…` of a server on which databases may be made. Nothing is provided where suites run on SQLite. */
    readonly databaseServer: string | undefined;
  }
}

/** Starts the server. @returns what stops it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Hundreds of databases are made, and nothing is asked of them that outlives a power cut.
  const server = await startPostgres(['fsync=off']);
  project.provide('databaseServer', server.url);
  return () => server.stop();
}
