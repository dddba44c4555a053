// Stores accounts: implements the `AccountStore` port in either dialect.

import { and, asc, desc, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { AccountStore } from '../../core/accounts/store.ts';
import { type Database, statement, unnamed } from '../database.ts';
import { fromAccount, toAccount } from '../schema/rows.ts';
import type { AppendEvent } from './audit.ts';

export function accountStore(database: Database, append: AppendEvent): AccountStore {
  const { account } = database.tables;
  const byName = statement((queries) =>
    queries
      .select()
      .from(account)
      .where(eq(account.name, sql.placeholder('name')))
      .prepare(unnamed),
  );
  return {
    async accountByName(name) {
      const [row] = await database.read((queries) => byName(queries).execute({ name }));
      return row && toAccount(row);
    },
    async listAccounts({ after, before, forward, limit }) {
      const range = and(
        after === null ? undefined : gt(account.name, after),
        before === null ? undefined : lt(account.name, before),
      );
      const order = forward ? asc(account.name) : desc(account.name);
      const rows = await database.read((queries) =>
        queries.select().from(account).where(range).orderBy(order).limit(limit),
      );
      return (forward ? rows : rows.toReversed()).map(toAccount);
    },
    async insertAccount(added, event) {
      await database.write(async (queries) => {
        await queries.insert(account).values(fromAccount(added));
        await append(queries, event);
      });
    },
    async disableAccount(name, at, event) {
      return await database.write(async (queries) => {
        const isEnabled = and(eq(account.name, name), isNull(account.disabledAt));
        const changed = await queries
          .update(account)
          .set({ disabledAt: at.getTime() })
          .where(isEnabled)
          .returning({ name: account.name });
        if (changed.length > 0) await append(queries, event);
        return changed.length > 0;
      });
    },
    async enableAccount(name, event) {
      return await database.write(async (queries) => {
        const isDisabled = and(eq(account.name, name), isNotNull(account.disabledAt));
        const changed = await queries
          .update(account)
          .set({ disabledAt: null })
          .where(isDisabled)
          .returning({ name: account.name });
        if (changed.length > 0) await append(queries, event);
        return changed.length > 0;
      });
    },
  };
}
