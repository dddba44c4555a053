// Keeps a password out that was sealed with a data key which is not the active one any more: a rotation would miss it, and then delete its key.

import { eq, ne, sql } from 'drizzle-orm';

import type { DataKeyRow } from '../../core/passwords/key-store.ts';
import type { Sealed } from '../../core/ports.ts';
import { dataKeyIdOf, KeysChanged } from '../../core/passwords/sealer.ts';
import { type Database, type Queries, statement } from '../database.ts';

/** A check inside the transaction that writes the password: no other key becomes active before the end of it. @throws KeysChanged */
export function activeKeyCheck(database: Database): (queries: Queries, sealed: Sealed) => Promise<void> {
  const { dataKey } = database.tables;
  // Every sealing key, not the active one alone: on PostgreSQL a row that changed while we waited for it is shown as it is now, or not at all.
  const held = statement((queries) => queries.select({ id: dataKey.id, state: dataKey.state }).from(dataKey).where(sql`${ne(dataKey.state, 'AUDIT' satisfies DataKeyRow['state'])} ${database.heldToTheEnd}`).prepare('data_keys_held'));
  const active = statement((queries) => queries.select({ id: dataKey.id }).from(dataKey).where(eq(dataKey.state, 'ACTIVE' satisfies DataKeyRow['state'])).prepare('data_key_active'));
  return async (queries, sealed) => {
    const keyId = dataKeyIdOf(sealed);
    const keys = await held(queries).execute();
    if (keys.some(({ id, state }) => id === keyId && state === 'ACTIVE')) return;
    // None to be seen is a database without keys, or one whose keys were all replaced while we waited.
    if (keys.length === 0 && (await active(queries).execute()).length === 0) return;
    throw new KeysChanged('CONFLICT', 'The keys of this installation were rotated meanwhile; repeat the call.');
  };
}
