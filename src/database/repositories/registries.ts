// Stores registries: implements the `RegistryStore` port in either dialect.

import { and, eq, getTableColumns, ne, sql } from 'drizzle-orm';
import type { Registry } from '../../core/registry/registry.ts';
import type { RegistryStore } from '../../core/registry/store.ts';
import { searchText } from '../../core/registry/search.ts';
import { Problem } from '../../core/shared/problem.ts';
import {
  type Database,
  given,
  givenFor,
  type Queries,
  registryReads,
  type RunChange,
  statement,
  unnamed,
} from '../database.ts';
import { takenPattern } from '../errors.ts';
import {
  bytesOrNull,
  fromRegistry,
  plainBytes,
  type RegistryColumns,
  type RegistryRow,
  toComparedRegistry,
  toRegistry,
  withoutDerived,
} from '../schema/rows.ts';
import { activeKeyCheck } from './keys.ts';
import { registryPages } from './pages/pages.ts';
import { checkInterval, registryChecks } from './registry-checks.ts';
import { findMostSpecific } from './registry-match.ts';

export function registryStore(database: Database, change: RunChange): RegistryStore {
  const reads = readStatements(database);
  return {
    ...reading(database, reads),
    ...registryPages(database, reads.columns),
    ...registryChecks(database, change, reads.columns),
    ...writing(database, change),
  };
}

const noAlternates = { pending: null, previous: null };

type Reading = Pick<
  RegistryStore,
  'byId' | 'byIds' | 'byPattern' | 'byPatterns' | 'findMostSpecific' | 'byHosts' | 'sealed' | 'sealedAlternates'
>;
type Writing = Pick<RegistryStore, 'insert' | 'update' | 'delete' | 'appendAudit'>;

function reading(
  database: Database,
  { columns, byId, byIds, byPattern, byPatterns, byHosts, sealed, sealedAlternates }: ReturnType<typeof readStatements>,
): Reading {
  const rowById = registryReads(database, byId);
  const rowByPattern = registryReads(database, byPattern);
  const rowsByPatterns = registryReads(database, byPatterns);
  const findByPatterns: Reading['byPatterns'] = async (account, patterns) => {
    const rows = await rowsByPatterns({ account, patterns: JSON.stringify(patterns) });
    return rows.map(toComparedRegistry);
  };
  return {
    byId: (id) => rowById({ id }).then(toFirstRegistry),
    async byIds(ids) {
      const rows = await database.read((queries) => byIds(queries).execute({ ids: JSON.stringify(ids) }));
      return rows.map(toRegistry);
    },
    byPattern: (account, registry) => rowByPattern({ account, registry }).then(toFirstRegistry),
    byPatterns: findByPatterns,
    findMostSpecific: findMostSpecific(database, columns, findByPatterns),
    async byHosts(account, hosts, limit) {
      const rows = await database.read((queries) =>
        byHosts(queries).execute({ account, hosts: JSON.stringify(hosts), limit }),
      );
      // Sorting few rows of many hosts in SQL would need a separate step. Canonical patterns are ASCII, so this is byte order.
      return rows.map(toComparedRegistry).toSorted((one, other) => (one.registry < other.registry ? -1 : 1));
    },
    async sealed(id) {
      const [row] = await database.read((queries) => sealed(queries).execute({ id }));
      return row && plainBytes(row.sealed);
    },
    async sealedAlternates(id) {
      const [row] = await database.read((queries) => sealedAlternates(queries).execute({ id }));
      return row && { pending: bytesOrNull(row.pending), previous: bytesOrNull(row.previous) };
    },
  };
}

function toFirstRegistry([row]: readonly RegistryRow[]): Registry | undefined {
  return row && toRegistry(row);
}

function writing(database: Database, change: RunChange): Writing {
  const { insert, insertText, update, updateText, remove } = writeStatements(database);
  const intervalMs = checkInterval(database);
  const refuseOldKey = activeKeyCheck(database);
  return {
    async insert(registry, sealed, event) {
      await change(event.actor, async (queries) => {
        await refuseOldKey(queries, sealed);
        const row = fromRegistry(registry, sealed, noAlternates, await intervalMs(queries));
        if ((await insert(queries).execute(row)).length === 0) throw takenPattern();
        await insertText(queries).execute({ ...registry, text: searchText(registry) });
        return { value: undefined, event };
      });
    },
    async update(registry, sealed, expectedVersion, event, others = noAlternates) {
      await change(event.actor, async (queries) => {
        await refuseOldKey(queries, sealed);
        const row = fromRegistry(registry, sealed, others, await intervalMs(queries));
        const changed = await update(queries).execute({ ...row, expectedVersion });
        if (changed.length === 0) {
          throw new Problem(
            'CONFLICT',
            'Another caller changed or deleted this registry in the meantime. Fetch it again, then retry.',
          );
        }
        await updateText(queries).execute({ ...registry, text: searchText(registry) });
        return { value: undefined, event };
      });
    },
    delete: (id, event) =>
      change(event.actor, async (queries) => {
        const deleted = (await remove(queries).execute({ id })).length > 0;
        return { value: deleted, event: deleted ? event : undefined };
      }),
    appendAudit: (event) => change(event.actor, async () => ({ value: undefined, event })),
  };
}

function readStatements(database: Database) {
  const { registry } = database.tables;
  const { sealed: _sealed, sealedPending, sealedPrevious, ...columns } = withoutDerived(getTableColumns(registry));
  const ofAccount = eq(registry.account, sql.placeholder('account'));
  const isId = eq(registry.id, sql.placeholder('id'));
  const registries = (queries: Queries) => queries.select(columns).from(registry);
  const byPattern = and(ofAccount, eq(registry.registry, sql.placeholder('registry')));
  const byPatterns = and(ofAccount, database.isOneOf(registry.registry, given('patterns')));
  const byIds = database.isOneOf(registry.id, given('ids'));
  const sealed = { sealed: registry.sealed };
  const sealedAlternates = { pending: sealedPending, previous: sealedPrevious };
  return {
    /** Every column that a list or get may read. */
    columns,
    byId: (queries: Queries) => registries(queries).where(isId),
    byPattern: (queries: Queries) => registries(queries).where(byPattern),
    byPatterns: (queries: Queries) => registries(queries).where(byPatterns),
    byIds: statement((queries) => registries(queries).where(byIds).prepare(unnamed)),
    byHosts: nearestOfHosts(database, columns),
    sealed: statement((queries) => queries.select(sealed).from(registry).where(isId).prepare(unnamed)),
    sealedAlternates: statement((queries) =>
      queries.select(sealedAlternates).from(registry).where(isId).prepare(unnamed),
    ),
  };
}

/** One index range for each host, cut at the limit; a window function would read all registries of the host first. */
function nearestOfHosts(database: Database, columns: RegistryColumns) {
  const { registry } = database.tables;
  const firstOfHost = sql`SELECT near.id FROM ${registry} AS near WHERE near.account = ${sql.placeholder('account')} AND near.host = entry.value
    ORDER BY near.registry LIMIT ${sql.placeholder('limit')}`;
  return statement((queries) =>
    queries
      .select(columns)
      .from(database.textsOf(given('hosts')))
      .crossJoin(registry)
      .where(database.isSelected(registry.id, firstOfHost))
      .prepare(unnamed),
  );
}

function writeStatements(database: Database) {
  const { registry, registrySearch } = database.tables;
  const { id: returnedId } = registry;
  const values = givenFor(getTableColumns(registry));
  // The columns that an update may change: a row keeps its ID, its account, and its pattern.
  const { id: _id, account: _account, registry: _registry, createdAt: _createdAt, ...changes } = values;
  const asExpected = and(
    eq(registry.id, sql.placeholder('id')),
    eq(registry.version, sql.placeholder('expectedVersion')),
  );
  const returning = { id: returnedId };
  return {
    // A duplicate is no error of the statement, because that would undo the changes that share its transaction.
    insert: statement((queries) =>
      queries
        .insert(registry)
        .values(values)
        .onConflictDoNothing({ target: [registry.account, registry.registry] })
        .returning(returning)
        .prepare(unnamed),
    ),
    // The text depends on nothing that is not in the row, so that it is in step with it.
    insertText: statement((queries) =>
      queries
        .insert(registrySearch)
        .values({ registryId: given('id'), account: given('account'), text: given('text') })
        .prepare(unnamed),
    ),
    updateText: statement((queries) =>
      queries
        .update(registrySearch)
        .set({ text: given('text') })
        .where(
          and(eq(registrySearch.registryId, sql.placeholder('id')), ne(registrySearch.text, sql.placeholder('text'))),
        )
        .prepare(unnamed),
    ),
    update: statement((queries) =>
      queries.update(registry).set(changes).where(asExpected).returning(returning).prepare(unnamed),
    ),
    remove: statement((queries) =>
      queries
        .delete(registry)
        .where(eq(registry.id, sql.placeholder('id')))
        .returning(returning)
        .prepare(unnamed),
    ),
  };
}
