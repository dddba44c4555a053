// Pages of audit events: the newest first, narrowed by what is given.

import { and, asc, desc, eq, gte, gt, lt, type SQL } from 'drizzle-orm';

import type { ChainedEvent } from '../../core/audit/chain.ts';
import type { AuditQuery } from '../../core/audit/trail.ts';
import type { Database } from '../database.ts';
import { toChainedEvent } from '../schema/rows.ts';

/** Rows come back newest first, whichever end of the list they were taken from. */
export async function auditPage(database: Database, query: AuditQuery): Promise<ChainedEvent[]> {
  const { auditEvent } = database.tables;
  const order = query.forward ? desc(auditEvent.seq) : asc(auditEvent.seq);
  const rows = await database.read((queries) => queries.select().from(auditEvent).where(condition(database, query)).orderBy(order).limit(query.limit));
  const events = rows.map(toChainedEvent);
  return query.forward ? events : events.toReversed();
}

function condition({ tables: { auditEvent } }: Database, { account, filter, olderThan, newerThan }: AuditQuery): SQL | undefined {
  const { actor, action, target, since, until } = filter;
  return and(
    account === undefined ? undefined : eq(auditEvent.account, account),
    actor === undefined ? undefined : eq(auditEvent.actor, actor),
    action === undefined ? undefined : eq(auditEvent.action, action),
    target === undefined ? undefined : eq(auditEvent.target, target),
    since === undefined ? undefined : gte(auditEvent.at, since.getTime()),
    until === undefined ? undefined : lt(auditEvent.at, until.getTime()),
    olderThan === undefined ? undefined : lt(auditEvent.seq, olderThan),
    newerThan === undefined ? undefined : gt(auditEvent.seq, newerThan),
  );
}
