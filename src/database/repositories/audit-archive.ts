// Stores the record of the newest archive of audit events, and deletes the events that it contains, from the newest to the oldest.

import { and, asc, count, desc, eq, gt, gte, lt, lte, max } from 'drizzle-orm';
import type { ArchiveRecord } from '../../core/audit/archive.ts';
import type { AuditArchiveStore } from '../../core/audit/store.ts';
import type { Database, Queries } from '../database.ts';
import { toArchiveRecord, fromArchiveRecord } from '../schema/rows.ts';
import type { AppendEvent } from './audit.ts';

/** The ID of the only row in the table of the record. */
const recordId = 1;

/** Events deleted in one transaction: about 10 ms of work, for which other changes wait. */
const batchSize = 1_000;

/** Reads the record; undefined if nothing was archived. */
export async function readArchiveRecord(database: Database): Promise<ArchiveRecord | undefined> {
  const { auditArchive } = database.tables;
  const [row] = await database.read((queries) =>
    queries.select().from(auditArchive).where(eq(auditArchive.id, recordId)),
  );
  return row && toArchiveRecord(row);
}

export function auditArchiveStore(database: Database, append: AppendEvent): AuditArchiveStore {
  const { auditEvent } = database.tables;
  return {
    async oldEvents(afterSeq, before, now) {
      const [beforeMs, nowMs] = [before.getTime(), now.getTime()];
      const isAfter = gt(auditEvent.seq, afterSeq);
      const isYoung = and(isAfter, gte(auditEvent.at, beforeMs), lte(auditEvent.at, nowMs));
      const [young] = await database.read((queries) =>
        queries.select({ seq: auditEvent.seq }).from(auditEvent).where(isYoung).orderBy(asc(auditEvent.seq)).limit(1),
      );
      const isCandidate = and(isAfter, young && lt(auditEvent.seq, young.seq));
      const [last] = await database.read((queries) =>
        queries
          .select({ seq: auditEvent.seq, hash: auditEvent.hash, at: auditEvent.at })
          .from(auditEvent)
          .where(and(isCandidate, lt(auditEvent.at, beforeMs)))
          .orderBy(desc(auditEvent.seq))
          .limit(1),
      );
      if (last === undefined || last.hash === null) return undefined;
      const isOld = and(isAfter, lte(auditEvent.seq, last.seq));
      const [counted] = await database.read((queries) =>
        queries.select({ count: count() }).from(auditEvent).where(isOld),
      );
      return { last: { seq: last.seq, hash: last.hash, at: new Date(last.at) }, count: counted?.count ?? 0 };
    },
    recordArchive: (record, event) =>
      database.write(async (queries) => {
        if (!(await replaceRecord(database, queries, record))) return false;
        await deleteLast(database, queries, record.last.seq);
        await append(queries, event);
        return true;
      }),
    deleteArchived: (lastSeq) => database.write((queries) => deleteLast(database, queries, lastSeq)),
  };
}

/** Replaces the record if it is the one that the new one continues. A concurrent transaction waits here for the end of this one. */
async function replaceRecord(
  { tables: { auditArchive } }: Database,
  queries: Queries,
  record: ArchiveRecord,
): Promise<boolean> {
  const row = fromArchiveRecord(record);
  const id = { id: auditArchive.id };
  const { previousSeq, previousHash } = row;
  if (previousSeq === 0) {
    const inserted = await queries
      .insert(auditArchive)
      .values({ id: recordId, ...row })
      .onConflictDoNothing()
      .returning(id);
    return inserted.length > 0;
  }
  const continues = and(eq(auditArchive.lastSeq, previousSeq), eq(auditArchive.lastHash, previousHash));
  const updated = await queries.update(auditArchive).set(row).where(continues).returning(id);
  return updated.length > 0;
}

/** Deletes the last stored events up to a place. Returns how many. */
async function deleteLast({ tables: { auditEvent } }: Database, queries: Queries, lastSeq: number): Promise<number> {
  const upTo = lte(auditEvent.seq, lastSeq);
  const [newest] = await queries
    .select({ seq: max(auditEvent.seq) })
    .from(auditEvent)
    .where(upTo);
  if (newest === undefined || newest.seq === null) return 0;
  const isLast = and(upTo, gt(auditEvent.seq, newest.seq - batchSize));
  return (await queries.delete(auditEvent).where(isLast).returning({ seq: auditEvent.seq })).length;
}
