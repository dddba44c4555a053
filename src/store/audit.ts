// Writes audit events, inside the transaction of the change that they tell of.

import type { AuditEvent } from '../core/audit.ts';
import { type Database, givenFor, type Queries, statement } from './database.ts';
import { fromEvent } from './rows.ts';

/** Writes one event as part of the transaction that `queries` is in. */
export type AppendEvent = (queries: Queries, event: AuditEvent) => Promise<void>;

export function auditWriter(database: Database): AppendEvent {
  const { auditEvent } = database.tables;
  const { at, actor, account, action, target, targetText, outcome, requestId } = auditEvent;
  const values = givenFor({ at, actor, account, action, target, targetText, outcome, requestId });
  const insert = statement((queries) => queries.insert(auditEvent).values(values).prepare('append_event'));
  return async (queries, event) => {
    await insert(queries).execute(fromEvent(event));
  };
}
