// Stores reports of validations, and finds the registries whose credential is due for the next one.

import { and, asc, eq, gt, isNull, lte, not, or, sql } from 'drizzle-orm';
import type { RegistryStore } from '../../core/registry/store.ts';
import { defaultEveryMs } from '../../core/validation/schedule.ts';
import { type Database, given, type Queries, statement, unnamed } from '../database.ts';
import { fromReport, type RegistryColumns, toRegistry } from '../schema/rows.ts';
import type { AppendEvent } from './audit.ts';

/** Due registries that are counted: more than can be checked in an hour. */
const maxCounted = 100_000;

type RegistryChecks = Pick<
  RegistryStore,
  'due' | 'dueBacklog' | 'postpone' | 'recordValidation' | 'exchangeValidation'
>;

/** @param columns the columns to read, all but the secrets and the derived ones. */
export function registryChecks(database: Database, append: AppendEvent, columns: RegistryColumns): RegistryChecks {
  const { due, fromTheFuture, backlog } = readStatements(database, columns);
  const { record, exchange, postpone } = writeStatements(database);
  const intervalMs = checkInterval(database);
  return {
    async due({ exceptHosts, exceptOutcomes, ...query }) {
      const values = { ...query, hosts: JSON.stringify(exceptHosts), outcomes: JSON.stringify(exceptOutcomes) };
      const rows = await database.read((queries) => due(queries).execute(values));
      const limit = query.limit - rows.length;
      const others = await database.read((queries) => fromTheFuture(queries).execute({ ...values, limit }));
      return [...rows, ...others].map(toRegistry);
    },
    async dueBacklog(nowMs) {
      const [row] = await database.read((queries) => backlog(queries).execute({ nowMs }));
      return { count: row?.count ?? 0, oldestMs: row?.oldestMs ?? null };
    },
    async postpone(id, window, nextCheckAt) {
      await database.write((queries) => postpone(queries).execute({ id, ...window, nextCheckAt }));
    },
    async recordValidation(id, expectedVersion, report, event) {
      return await database.write(async (queries) => {
        const values = fromReport({ id, lastValidation: report }, await intervalMs(queries));
        const changed = await record(queries).execute({ id, expectedVersion, ...values });
        if (changed.length > 0 && event !== undefined) {
          await append(queries, event);
        }
        return changed.length > 0;
      });
    },
    async exchangeValidation(id, expectedVersion, seen, next, event) {
      return await database.write(async (queries) => {
        const values = fromReport({ id, lastValidation: next }, await intervalMs(queries));
        const changed = await exchange(queries).execute({ id, expectedVersion, seen: JSON.stringify(seen), ...values });
        if (changed.length > 0 && event !== undefined) {
          await append(queries, event);
        }
        return changed.length > 0;
      });
    },
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
  const ofEnabled = and(eq(account.name, registry.account), isNull(account.disabledAt));
  const isChosen = and(
    not(database.isOneOf(registry.host, given('hosts'))),
    // No outcome at all is one of none, so it is not passed over.
    sql`coalesce(${not(database.isOneOf(registry.outcome, given('outcomes')))}, true)`,
  );
  const isDue = lte(registry.nextCheckAt, sql.placeholder('nowMs'));
  const dueIn = (queries: Queries) => queries.select(columns).from(registry).innerJoin(account, ofEnabled);
  const order = [asc(registry.nextCheckAt), asc(registry.id)] as const;
  return {
    due: statement((queries) =>
      dueIn(queries)
        .where(and(isDue, isChosen))
        .orderBy(...order)
        .limit(sql.placeholder('limit'))
        .prepare(unnamed),
    ),
    fromTheFuture: statement((queries) =>
      dueIn(queries)
        .where(and(gt(registry.nextCheckAt, sql.placeholder('latestMs')), isChosen))
        .orderBy(...order)
        .limit(sql.placeholder('limit'))
        .prepare(unnamed),
    ),
    backlog: statement((queries) => {
      const due = queries
        .select({ at: registry.nextCheckAt })
        .from(registry)
        .innerJoin(account, ofEnabled)
        .where(isDue)
        .orderBy(asc(registry.nextCheckAt))
        .limit(maxCounted)
        .as('due');
      const summary = {
        count: sql`count(*)`.mapWith(Number),
        oldestMs: sql<number | null>`min(${due.at})`.mapWith(Number),
      };
      return queries.select(summary).from(due).prepare(unnamed);
    }),
  };
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
