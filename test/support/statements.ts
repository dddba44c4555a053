// Counts every run of every statement in this process that reaches the database, except the ends of transactions, which read nothing.

import Sqlite from 'better-sqlite3';
import { NodePgPreparedQuery } from 'drizzle-orm/node-postgres';
import { vi } from 'vitest';

/** The prototype of statements. */
type Prototype = Record<string, (...values: unknown[]) => unknown>;

const sqlitePrototype = prototypeOf(new Sqlite(':memory:'));
const postgresPrototype = NodePgPreparedQuery.prototype as unknown as Prototype;

function prototypeOf(database: InstanceType<typeof Sqlite>): Prototype {
  const prototype = Object.getPrototypeOf(database.prepare('SELECT 1')) as Prototype;
  database.close();
  return prototype;
}

/** Returns the SQL of every statement that runs during the work, in order. */
export async function statementsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const onSqlite = ['all', 'get', 'run', 'iterate'].map((method) => spyOn(sqlitePrototype, method, 'source', seen));
  const spies = [...onSqlite, spyOn(postgresPrototype, 'execute', 'queryString', seen)];
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return seen;
}

/** @param text the property of a statement that holds its SQL. */
function spyOn(prototype: Prototype, method: string, text: string, seen: string[]) {
  const original = prototype[method] as Prototype[string];
  return vi.spyOn(prototype, method).mockImplementation(function run(
    this: Record<string, string>,
    ...values: unknown[]
  ) {
    const statement = this[text] ?? '';
    if (statement !== 'BEGIN' && statement !== 'COMMIT') seen.push(statement);
    return Reflect.apply(original, this, values);
  });
}
