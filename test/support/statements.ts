// Counts what reaches SQLite: every run of every statement in this process, whoever prepared it.

import Sqlite from 'better-sqlite3';
import { vi } from 'vitest';

type Statement = ReturnType<InstanceType<typeof Sqlite>['prepare']>;

const statementPrototype = prototypeOf(new Sqlite(':memory:'));

function prototypeOf(database: InstanceType<typeof Sqlite>): Statement {
  const prototype = Object.getPrototypeOf(database.prepare('SELECT 1')) as Statement;
  database.close();
  return prototype;
}

/** The SQL of every statement that runs meanwhile, in order. */
export async function statementsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const spies = (['all', 'get', 'run', 'iterate'] as const).map((method) => {
    const original = statementPrototype[method];
    return vi.spyOn(statementPrototype, method).mockImplementation(function run(this: Statement, ...values: unknown[]) {
      seen.push(this.source);
      return Reflect.apply(original, this, values) as never;
    });
  });
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return seen;
}
