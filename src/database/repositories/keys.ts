// Stores wrapped data keys and the canary: opaque bytes that only the encryption can open.

import { asc, eq, gt, ne, sql } from 'drizzle-orm';
import type { DataKeyRow, KeyStore } from '../../core/passwords/key-store.ts';
import { dataKeyIdOf, StaleKeys } from '../../core/passwords/sealer.ts';
import type { Sealed } from '../../core/registry/store.ts';
import { type Database, type Queries, statement, unnamed } from '../database.ts';
import { plainBytes } from '../schema/rows.ts';

type Row = Database['tables']['dataKey']['$inferSelect'];

/** Runs only at startup, so its statements are not prepared. */
export function keyStore(database: Database): KeyStore {
  const { dataKey, sealCanary, registry } = database.tables;
  return {
    async dataKeys() {
      const rows = await database.read((queries) => queries.select().from(dataKey).orderBy(asc(dataKey.id)));
      return rows.map(toDataKey);
    },
    async canary() {
      const [row] = await database.read((queries) => queries.select().from(sealCanary));
      return row && plainBytes(row.sealed);
    },
    async hasRegistries() {
      // The bound, which every id is above, lets the index begin at its first row.
      const rows = await database.read((queries) =>
        queries.select({ id: registry.id }).from(registry).where(gt(registry.id, '')).limit(1),
      );
      return rows.length > 0;
    },
    async insertFirst(key, canary) {
      return await database.write(async (queries) => {
        if ((await queries.select({ id: dataKey.id }).from(dataKey).limit(1)).length > 0) {
          return false;
        }
        // The table of the canary has one row, so of two concurrent processes one waits for the other and then inserts nothing.
        const canaries = queries.insert(sealCanary).values({ id: 1, sealed: canary });
        const inserted = await canaries.onConflictDoNothing().returning({ id: sealCanary.id });
        if (inserted.length === 0) {
          return false;
        }
        await queries.insert(dataKey).values(fromDataKey(key));
        return true;
      });
    },
    async insertAuditKey(make) {
      await database.write(async (queries) => {
        // PostgreSQL locks a row that is written, even unchanged: of two concurrent processes one waits for the other and then finds its key.
        await queries.update(sealCanary).set({ sealed: sql`${sealCanary.sealed}` });
        const rows = await queries.select({ id: dataKey.id, state: dataKey.state }).from(dataKey);
        if (rows.some(({ state }) => state === 'AUDIT')) return;
        const key = await make(Math.max(0, ...rows.map(({ id }) => id)) + 1);
        await queries.insert(dataKey).values(fromDataKey(key));
      });
    },
  };
}

/** Maps a row to its key. */
export function toDataKey(row: Row): DataKeyRow {
  return {
    ...row,
    state: row.state as DataKeyRow['state'],
    wrapped: plainBytes(row.wrapped),
    createdAt: new Date(row.createdAt),
  };
}

/** Maps a key to its row. */
export function fromDataKey(key: DataKeyRow): Row {
  return { ...key, createdAt: key.createdAt.getTime() };
}

/** Checks the key inside the transaction that writes the password, so that no other key becomes active before its end. @throws StaleKeys */
export function activeKeyCheck(database: Database): (queries: Queries, sealed: Sealed) => Promise<void> {
  const { dataKey } = database.tables;
  // Reads every sealing key, not only the active one: PostgreSQL returns a row that changed during the wait as it is now, or not at all.
  const held = statement((queries) =>
    queries
      .select({ id: dataKey.id, state: dataKey.state })
      .from(dataKey)
      .where(sql`${ne(dataKey.state, 'AUDIT' satisfies DataKeyRow['state'])} ${database.heldToTheEnd}`)
      .prepare(unnamed),
  );
  const active = statement((queries) =>
    queries
      .select({ id: dataKey.id })
      .from(dataKey)
      .where(eq(dataKey.state, 'ACTIVE' satisfies DataKeyRow['state']))
      .prepare(unnamed),
  );
  return async (queries, sealed) => {
    const keyId = dataKeyIdOf(sealed);
    const keys = await held(queries).execute();
    if (keys.some(({ id, state }) => id === keyId && state === 'ACTIVE')) return;
    // No row means a database without keys, or one whose keys were all replaced during the wait.
    if (keys.length === 0 && (await active(queries).execute()).length === 0) return;
    throw new StaleKeys('CONFLICT', 'The keys of this installation were rotated in the meantime. Repeat the call.');
  };
}
