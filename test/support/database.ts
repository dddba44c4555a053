// Creates the database of a test: a new SQLite file for one store or, if the suite has a PostgreSQL server, a new database for two.

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { inject } from 'vitest';
import { openStore, type Store } from '../../src/database/store.ts';
import { migrationsDir } from '../database/harness.ts';
import type { DatabaseServer } from '../e2e/support/database-server.ts';
import { createMigratedFile } from './migrated-file.ts';
import { connectSql } from './sql.ts';
import { makeTemporaryDirectory } from './temporary/directory.ts';

export interface TestDatabase {
  /** The value of the setting. */
  readonly url: string;
  /** Number of servers that share it. A SQLite file has one. */
  readonly replicas: number;
  /** Runs SQL that both databases support, without the stores, and returns its rows. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Waits until every replica receives the notifications of the others. All must have started to listen. */
  untilListening(): Promise<void>;
  /** Removes the database from a server. */
  close(): Promise<void>;
}

/** Creates an empty database. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = inject('databaseServer');
  return server === undefined ? sqliteDatabase() : postgresDatabase(server);
}

/** Opens one store for each replica, to be closed before the database is. */
export async function openStores({ url, replicas }: TestDatabase): Promise<[Store, ...Store[]]> {
  const open = () => openStore({ url, migrationsDir });
  const stores: [Store, ...Store[]] = [await open()];
  while (stores.length < replicas) stores.push(await open());
  return stores;
}

async function sqliteDatabase(): Promise<TestDatabase> {
  // In memory, because durable writes are the subject of the database's own suites.
  const directory = makeTemporaryDirectory('database', 'memory');
  const url = join(directory, 'regway.db');
  await createMigratedFile(url);
  return {
    url,
    replicas: 1,
    async rows(sql) {
      using file = Object.assign(new Sqlite(url), { [Symbol.dispose]: () => file.close() });
      const statement = file.prepare(sql);
      return statement.reader ? (statement.all() as Record<string, unknown>[]) : (statement.run(), []);
    },
    untilListening: async () => undefined,
    close: async () => rmSync(directory, { recursive: true }),
  };
}

async function postgresDatabase({ url: server, template }: DatabaseServer): Promise<TestDatabase> {
  const name = `regway_${randomUUID().replaceAll('-', '')}`;
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  const replicas = 2;
  const [around, behind] = [connectSql(server), connectSql(url)];
  await around.unsafe(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    url,
    replicas,
    rows: async (sql) => [...(await behind.unsafe(sql))],
    async untilListening() {
      const listening = () =>
        around`SELECT pid FROM pg_stat_activity WHERE datname = ${name} AND state = 'idle' AND query LIKE 'listen %'`;
      while ((await listening()).length < replicas) await pause(5);
    },
    async close() {
      await behind.end();
      await around.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
      await around.end();
    },
  };
}
