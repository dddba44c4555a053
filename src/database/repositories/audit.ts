// Stores audit events, each chained to the previous one inside the transaction of the change that it records.

import { and, asc, desc, eq, getTableColumns, gt, gte, isNotNull, lt, sql, type SQL } from 'drizzle-orm';
import {
  type AuditMac,
  type ChainedEvent,
  type ChainHead,
  emptyHash,
  eventHash,
  headOf,
  isGenuineHead,
} from '../../core/audit/chain.ts';
import type { AuditEvent } from '../../core/audit/event.ts';
import type { AuditQuery, AuditStore } from '../../core/audit/store.ts';
import { adminAccount } from '../../core/authz/principal.ts';
import { type Database, given, givenFor, type Queries, type SendEvents, statement, unnamed } from '../database.ts';
import { StoreError } from '../errors.ts';
import { fromEvent, storableEvent, toChainedEvent } from '../schema/rows.ts';

/** Writes one event in the transaction of `queries`. Call it last, because every other change of the database waits from here on. */
export type AppendEvent = (queries: Queries, event: AuditEvent) => Promise<void>;

export interface AuditChain extends Omit<AuditStore, 'archive'> {
  readonly append: AppendEvent;
  readonly send: SendEvents;
}

/** Events that are added to a new chain per statement. */
const adoptionPageSize = 1_000;

/** The ID of the only row in the table of the head. */
const headId = 1;

export function auditChain(database: Database): AuditChain {
  const statements = auditStatements(database);
  let mac: AuditMac | undefined;
  const send: SendEvents = async (queries, events) => {
    if (mac === undefined) throw new Error('The audit chain has no key yet.');
    return await sendEvents(statements, queries, mac, events);
  };
  return {
    send,
    append: async (queries, event) => void (await Promise.all(await send(queries, [event]))),
    async head() {
      const [row] = await database.read((queries) => statements.head(queries).execute());
      return row;
    },
    async eventsAfter(seq, limit) {
      const rows = await database.read((queries) => statements.eventsAfter(queries).execute({ seq, limit }));
      return rows.map(toChainedEvent);
    },
    page: (query) => auditPage(database, query),
    async start(key) {
      mac = key;
      if (await database.read((queries) => isWithoutChain(database, queries))) {
        // Exclusive like a migration, because chaining many old events takes longer than any other change may.
        await database.migrate(async ({ queries }) => {
          await startChain(database, statements, queries, key);
          return { changedTables: false };
        });
      }
    },
  };
}

type Statements = ReturnType<typeof auditStatements>;

/** @throws StoreError if the head is not as Regway wrote it: continuing from it would hide that the chain was cut off. */
async function sendEvents(
  { holdHead, insert, setHead }: Statements,
  queries: Queries,
  mac: AuditMac,
  events: readonly AuditEvent[],
): Promise<readonly Promise<unknown>[]> {
  // The next append waits for the end of this transaction.
  const [last] = await holdHead(queries).execute();
  if (last === undefined || !isGenuineHead(mac, last)) {
    throw new StoreError(
      'The audit trail was modified outside Regway, so no further changes are accepted. Run "regway audit verify".',
    );
  }
  let { seq, hash } = last;
  const inserts = events.map((event) => {
    const stored = storableEvent(event);
    seq += 1;
    hash = eventHash(mac, hash, seq, stored);
    return insert(queries).execute({ ...fromEvent(stored), seq, hash });
  });
  return [...inserts, setHead(queries).execute({ ...headOf(mac, seq, hash) })];
}

/** True before the chain's first start. If events have hashes, or were archived, but no head exists, the head was removed. */
async function isWithoutChain(
  { tables: { auditEvent, auditHead, auditArchive } }: Database,
  queries: Queries,
): Promise<boolean> {
  const heads = await queries.select({ id: auditHead.id }).from(auditHead).limit(1);
  const archives = await queries.select({ id: auditArchive.id }).from(auditArchive).limit(1);
  if (heads.length > 0 || archives.length > 0) return false;
  const chained = await queries
    .select({ seq: auditEvent.seq })
    .from(auditEvent)
    .where(isNotNull(auditEvent.hash))
    .limit(1);
  return chained.length === 0;
}

/** Starts the chain with the stored events and records that as an event. Only one of several processes does so. */
async function startChain(
  { tables: { auditHead } }: Database,
  statements: Statements,
  queries: Queries,
  mac: AuditMac,
): Promise<void> {
  const first = queries.insert(auditHead).values({ id: headId, ...headOf(mac, 0, emptyHash) });
  if ((await first.onConflictDoNothing().returning({ id: auditHead.id })).length === 0) return;
  const head = await adoptEvents(statements, queries, mac);
  if (head.seq === 0) return;
  await statements.setHead(queries).execute({ ...head });
  const event = {
    action: 'audit.adopt',
    target: 'audit',
    targetText: `events up to ${head.seq}`,
    outcome: 'DONE',
  } as const;
  const origin = { actor: 'regway', account: adminAccount, requestId: 'first-start' };
  await Promise.all(await sendEvents(statements, queries, mac, [{ ...event, ...origin, at: new Date() }]));
}

async function adoptEvents({ eventsAfter, setHash }: Statements, queries: Queries, mac: AuditMac): Promise<ChainHead> {
  let [seq, hash] = [0, emptyHash];
  for (;;) {
    const rows = await eventsAfter(queries).execute({ seq, limit: adoptionPageSize });
    for (const event of rows.map(toChainedEvent)) {
      hash = eventHash(mac, hash, event.seq, event);
      seq = event.seq;
      await setHash(queries).execute({ seq, hash });
    }
    if (rows.length < adoptionPageSize) return headOf(mac, seq, hash);
  }
}

function auditStatements({ tables: { auditEvent, auditHead }, ownedToTheEnd }: Database) {
  const { seq, hash, mac } = auditHead;
  const isHead = eq(auditHead.id, headId);
  return {
    insert: statement((queries) =>
      queries
        .insert(auditEvent)
        .values(givenFor(getTableColumns(auditEvent)))
        .prepare(unnamed),
    ),
    eventsAfter: statement((queries) =>
      queries
        .select()
        .from(auditEvent)
        .where(gt(auditEvent.seq, sql.placeholder('seq')))
        .orderBy(asc(auditEvent.seq))
        .limit(sql.placeholder('limit'))
        .prepare(unnamed),
    ),
    setHash: statement((queries) =>
      queries
        .update(auditEvent)
        .set({ hash: given('hash') })
        .where(eq(auditEvent.seq, sql.placeholder('seq')))
        .prepare(unnamed),
    ),
    head: statement((queries) => queries.select({ seq, hash, mac }).from(auditHead).where(isHead).prepare(unnamed)),
    holdHead: statement((queries) =>
      queries
        .select({ seq, hash, mac })
        .from(auditHead)
        .where(sql`${isHead} ${ownedToTheEnd}`)
        .prepare(unnamed),
    ),
    setHead: statement((queries) =>
      queries.update(auditHead).set(givenFor({ seq, hash, mac })).where(isHead).prepare(unnamed),
    ),
  };
}

/** Returns rows newest first, regardless of the end of the list that they were read from. */
export async function auditPage(database: Database, query: AuditQuery): Promise<ChainedEvent[]> {
  const { auditEvent } = database.tables;
  const order = query.forward ? desc(auditEvent.seq) : asc(auditEvent.seq);
  const rows = await database.read((queries) =>
    queries.select().from(auditEvent).where(condition(database, query)).orderBy(order).limit(query.limit),
  );
  const events = rows.map(toChainedEvent);
  return query.forward ? events : events.toReversed();
}

function condition(
  { tables: { auditEvent } }: Database,
  { account, filter, olderThan, newerThan }: AuditQuery,
): SQL | undefined {
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
