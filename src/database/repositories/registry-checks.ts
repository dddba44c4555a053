// Stores reports of validations, and finds the registries whose credential is due for the next one.

import { aliasedTable, and, asc, eq, gt, gte, isNull, lte, not, or, type SQL, sql } from 'drizzle-orm';
import type { RegistryStore } from '../../core/registry/store.ts';
import { defaultEveryMs } from '../../core/validation/schedule.ts';
import { type Database, given, type Queries, type RunChange, statement, unnamed } from '../database.ts';
import { fromReport, type RegistryColumns, toRegistry } from '../schema/rows.ts';

/** Whose turn the writes of the schedule take. */
const schedule = '';

/** Due registries that are counted: more than can be checked in an hour. */
const maxCounted = 100_000;

type RegistryChecks = Pick<
  RegistryStore,
  'due' | 'dueSince' | 'dueBacklog' | 'postpone' | 'recordValidation' | 'exchangeValidation'
>;

/** @param columns the columns to read, all but the secrets and the derived ones. */
export function registryChecks(database: Database, change: RunChange, columns: RegistryColumns): RegistryChecks {
  const { due, fromTheFuture, dueSince, backlog } = readStatements(database, columns);
  const { record, exchange, postpone } = writeStatements(database);
  const intervalMs = checkInterval(database);
  return {
    async due({ exceptHosts, exceptOutcomes, ...query }) {
      const values = { ...query, hosts: JSON.stringify(exceptHosts), outcomes: JSON.stringify(exceptOutcomes) };
      const rows = await database.read((queries) => due(queries).execute(values));
      const limit = query.limit - rows.length;
      const others =
        limit === 0 ? [] : await database.read((queries) => fromTheFuture(queries).execute({ ...values, limit }));
      return [...rows, ...others].map(toRegistry);
    },
    async dueSince(nowMs, exceptHosts) {
      const values = { nowMs, hosts: JSON.stringify(exceptHosts) };
      const [row] = await database.read((queries) => dueSince(queries).execute(values));
      return row?.sinceMs ?? null;
    },
    async dueBacklog(nowMs) {
      const [row] = await database.read((queries) => backlog(queries).execute({ nowMs }));
      return { count: row?.count ?? 0, oldestMs: row?.oldestMs ?? null };
    },
    async postpone(id, window, nextCheckAt) {
      await change(schedule, async (queries) => ({
        value: await postpone(queries).execute({ id, ...window, nextCheckAt }),
      }));
    },
    recordValidation: (id, expectedVersion, report, event) =>
      change(event?.actor ?? schedule, async (queries) => {
        const values = fromReport({ id, lastValidation: report }, await intervalMs(queries));
        const changed = (await record(queries).execute({ id, expectedVersion, ...values })).length > 0;
        return { value: changed, event: changed ? event : undefined };
      }),
    exchangeValidation: (id, expectedVersion, seen, next, event) =>
      change(event?.actor ?? schedule, async (queries) => {
        const values = fromReport({ id, lastValidation: next }, await intervalMs(queries));
        const expected = { id, expectedVersion, seen: JSON.stringify(seen) };
        const changed = (await exchange(queries).execute({ ...expected, ...values })).length > 0;
        return { value: changed, event: changed ? event : undefined };
      }),
  };
}

/** Returns what reads the interval that next checks are stored for, in milliseconds: from the database once, then from memory. */
export function checkInterval({ tables: { derivation } }: Database): (queries: Queries) => Promise<number> {
  let everyMs: number | undefined;
  return async (queries) => {
    everyMs ??= (await queries.select({ everyMs: derivation.checkEveryMs }).from(derivation))[0]?.everyMs;
    return everyMs ?? defaultEveryMs;
  };
}

function readStatements(database: Database, columns: RegistryColumns) {
  const { registry, account } = database.tables;
  const { host, outcome, nextCheckAt } = aliasedTable(registry, 'near');
  const isOfChosenHost = not(database.isOneOf(host, given('hosts')));
  // No outcome at all is one of none, so it is not passed over.
  const isChosen = and(isOfChosenHost, sql`coalesce(${not(database.isOneOf(outcome, given('outcomes')))}, true)`);
  const isDue = lte(nextCheckAt, sql.placeholder('nowMs'));
  const sinceMs = sql<number | null>`min(${firstOfAccount(database, and(isDue, isOfChosenHost))})`.mapWith(Number);
  const oldestMs = sql`SELECT min(${firstOfAccount(database, isDue)}) FROM ${account} WHERE ${isNull(account.disabledAt)}`;
  const inRange = (range: SQL | undefined) => firstOf(database, columns, and(range, isChosen));
  return {
    due: inRange(and(gte(nextCheckAt, sql.placeholder('sinceMs')), isDue)),
    fromTheFuture: inRange(gt(nextCheckAt, sql.placeholder('latestMs'))),
    dueSince: statement((queries) =>
      queries.select({ sinceMs }).from(account).where(isNull(account.disabledAt)).prepare(unnamed),
    ),
    backlog: statement((queries) => {
      const due = queries
        .select({ at: registry.nextCheckAt })
        .from(account)
        .crossJoin(registry)
        .where(
          and(
            isNull(account.disabledAt),
            eq(registry.account, account.name),
            lte(registry.nextCheckAt, sql.placeholder('nowMs')),
          ),
        )
        .limit(maxCounted)
        .as('due');
      const summary = {
        count: sql`count(*)`.mapWith(Number),
        oldestMs: sql<number | null>`(${oldestMs})`.mapWith(Number),
      };
      return queries.select(summary).from(due).prepare(unnamed);
    }),
  };
}

/** When the first registry of an account, under the condition on the rows `near`, is due: one index seek, whatever other accounts have. */
function firstOfAccount({ tables: { registry, account } }: Database, condition: SQL | undefined): SQL {
  const near = aliasedTable(registry, 'near');
  return sql`(SELECT ${near.nextCheckAt} FROM ${registry} AS near WHERE ${and(eq(near.account, account.name), condition)}
    ORDER BY ${near.nextCheckAt}, ${near.id} LIMIT 1)`;
}

/** The first registries of all enabled accounts under the condition: they are of the accounts that have the first ones. */
function firstOf(database: Database, columns: RegistryColumns, condition: SQL | undefined) {
  const { registry, account } = database.tables;
  const near = aliasedTable(registry, 'near');
  const limit = given('limit');
  const accounts = sql`(WITH every AS MATERIALIZED
      (SELECT ${account.name} AS name, ${firstOfAccount(database, condition)} AS due_at FROM ${account} WHERE ${isNull(account.disabledAt)})
    SELECT name, due_at FROM every WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ${limit}) AS head`;
  const ofAccount = sql`SELECT ${near.id} FROM ${registry} AS near
    WHERE ${and(sql`${near.account} = head.name`, sql`${near.nextCheckAt} >= head.due_at`, condition)}
    ORDER BY ${near.nextCheckAt}, ${near.id} LIMIT ${limit}`;
  return statement((queries) =>
    queries
      .select(columns)
      .from(accounts)
      .crossJoin(registry)
      .where(database.isSelected(registry.id, ofAccount))
      .orderBy(asc(registry.nextCheckAt), asc(registry.id))
      .limit(sql.placeholder('limit'))
      .prepare(unnamed),
  );
}

function writeStatements({ tables: { registry } }: Database) {
  const { id, version, lastValidation, nextCheckAt } = registry;
  const isRow = eq(id, sql.placeholder('id'));
  const asExpected = and(isRow, eq(version, sql.placeholder('expectedVersion')));
  const report = {
    lastValidation: given('lastValidation'),
    outcome: given('outcome'),
    nextCheckAt: given('nextCheckAt'),
  };
  const isOutside = or(lte(nextCheckAt, sql.placeholder('nowMs')), gt(nextCheckAt, sql.placeholder('latestMs')));
  return {
    record: statement((queries) =>
      queries.update(registry).set(report).where(asExpected).returning({ id }).prepare(unnamed),
    ),
    exchange: statement((queries) =>
      queries
        .update(registry)
        .set(report)
        .where(and(asExpected, eq(lastValidation, sql.placeholder('seen'))))
        .returning({ id })
        .prepare(unnamed),
    ),
    postpone: statement((queries) =>
      queries
        .update(registry)
        .set({ nextCheckAt: given('nextCheckAt') })
        .where(and(isRow, isOutside))
        .returning({ id })
        .prepare(unnamed),
    ),
  };
}
