// Stores the rotation of keys. Every step is one transaction that leaves a usable database, so a kill between two steps loses nothing.

import { and, asc, count, eq, getTableColumns, gt, isNotNull, notExists, or, sql } from 'drizzle-orm';
import type { DataKeyRow, KeyRotationStore } from '../../core/passwords/key-store.ts';
import { dataKeyIdOf } from '../../core/passwords/sealer.ts';
import { type SecretSlot, secretSlots } from '../../core/registry/registry.ts';
import { type Database, given, type Queries, statement, unnamed } from '../database.ts';
import { sealedColumns, toSealedRegistry, withoutDerived } from '../schema/rows.ts';
import type { AppendEvent } from './audit.ts';
import { activeKeyCheck, fromDataKey, keyStore, toDataKey } from './keys.ts';

type Steps = Pick<KeyRotationStore, 'activate' | 'rewrap' | 'deleteRetired'>;
type Passwords = Pick<KeyRotationStore, 'sealedAfter' | 'reseal' | 'countSealed'>;

/** Stores the data keys and implements their rotation. */
export function keyRotationStore(database: Database, append: AppendEvent): KeyRotationStore {
  const eraseReplaced = async () => (await database.emptyLog?.()) ?? true;
  return { ...keyStore(database), ...steps(database, append), ...passwords(database), eraseReplaced };
}

function steps(database: Database, append: AppendEvent): Steps {
  const { dataKey, sealCanary, registry } = database.tables;
  return {
    async activate(key, replaced, canary, event) {
      return await database.write(async (queries) => {
        const asExpected = and(
          eq(dataKey.id, replaced.id),
          eq(dataKey.rootKeyId, key.rootKeyId),
          eq(dataKey.state, 'ACTIVE'),
        );
        const retired = await queries
          .update(dataKey)
          .set({ state: 'RETIRED' })
          .where(asExpected)
          .returning({ id: dataKey.id });
        if (retired.length === 0) {
          return false;
        }
        await queries.insert(dataKey).values(fromDataKey(key));
        await queries.update(sealCanary).set({ sealed: canary });
        await append(queries, event);
        return true;
      });
    },
    async rewrap(work) {
      await database.write(async (queries) => {
        const { keys, event } = await work(await holdKeys(database, queries));
        for (const { id, rootKeyId, wrapped } of keys) {
          await queries.update(dataKey).set({ rootKeyId, wrapped }).where(eq(dataKey.id, id));
        }
        if (event !== undefined) {
          await append(queries, event);
        }
      });
    },
    async deleteRetired(id, event) {
      return await database.write(async (queries) => {
        const isSealedWithIt = secretSlots.map((slot) => eq(keyIdBytes(database, slot), keyIdParameter(id)));
        const sealedWithIt = queries
          .select({ id: registry.id })
          .from(registry)
          .where(or(...isSealedWithIt));
        const unused = and(eq(dataKey.id, id), eq(dataKey.state, 'RETIRED'), notExists(sealedWithIt));
        const deleted = await queries.delete(dataKey).where(unused).returning({ id: dataKey.id });
        if (deleted.length > 0) {
          await append(queries, event);
        }
        return deleted.length > 0;
      });
    },
  };
}

/** Returns all keys, locked until this transaction ends: PostgreSQL locks a row that is written, even unchanged. */
async function holdKeys(database: Database, queries: Queries): Promise<DataKeyRow[]> {
  const { dataKey } = database.tables;
  const held = await queries
    .update(dataKey)
    .set({ state: sql`${dataKey.state}` })
    .returning();
  // If another process activated a key while this one waited, none of these rows is active; reading again finds that key.
  return held.length === 0 || held.some(({ state }) => state === 'ACTIVE')
    ? held.map(toDataKey)
    : holdKeys(database, queries);
}

function passwords(database: Database): Passwords {
  const { registry } = database.tables;
  const refuseOldKey = activeKeyCheck(database);
  const columns = withoutDerived(getTableColumns(registry));
  // Compared as bytes, because a concurrent change of the password may have kept every number.
  const replace = (slot: SecretSlot) => {
    const column = sealedColumns[slot];
    const asExpected = and(eq(registry.id, sql.placeholder('id')), eq(registry[column], given('from')));
    return statement((queries) =>
      queries
        .update(registry)
        .set({ [column]: given('to') })
        .where(asExpected)
        .prepare(unnamed),
    );
  };
  const replaces = { CURRENT: replace('CURRENT'), PENDING: replace('PENDING'), PREVIOUS: replace('PREVIOUS') };
  return {
    async sealedAfter(id, limit) {
      const rows = await database.read((queries) =>
        queries.select(columns).from(registry).where(gt(registry.id, id)).orderBy(asc(registry.id)).limit(limit),
      );
      return rows.map(toSealedRegistry);
    },
    async reseal(resealed) {
      await database.write(async (queries) => {
        const [first] = resealed;
        if (first !== undefined) {
          await refuseOldKey(queries, first.to);
        }
        await Promise.all(resealed.map(({ id, slot, from, to }) => replaces[slot](queries).execute({ id, from, to })));
      });
    },
    async countSealed() {
      const counts = new Map<number, number>();
      for (const slot of secretSlots) {
        const keyId = keyIdBytes(database, slot);
        const rows = await database.read((queries) =>
          queries
            .select({ keyId, count: count() })
            .from(registry)
            .where(isNotNull(registry[sealedColumns[slot]]))
            .groupBy(keyId),
        );
        for (const row of rows) {
          const id = dataKeyIdOf(Buffer.concat([Buffer.alloc(1), row.keyId]));
          counts.set(id, (counts.get(id) ?? 0) + row.count);
        }
      }
      return counts;
    },
  };
}

/** The place of `dataKeyIdOf` in a stored password. */
function keyIdBytes({ tables: { registry } }: Database, slot: SecretSlot) {
  return sql<Uint8Array>`substr(${registry[sealedColumns[slot]]}, 2, 4)`;
}

function keyIdParameter(id: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(id);
  return bytes;
}
